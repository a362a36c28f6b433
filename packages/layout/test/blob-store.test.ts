import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Root } from "@nodemanager/layout";
import { collect, reasonOf, tempDir } from "@nodemanager/testing";
import { describe, expect, test } from "vitest";
import { BINARY, install, open, putBinary, SHA256 } from "./support/fixture.ts";
import { RecordingFs } from "./support/recording-fs.ts";

const REF = { sha256: SHA256, sizeBytes: BINARY.length };
const blobs = (root: Root) => readdirSync(join(root.dir, "blobs", "sha256"));

describe("the store of binaries", () => {
  test("has what was committed, and says how large it is", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    expect(await root.blobs.size(SHA256)).toBeUndefined();
    await using writer = await root.blobs.begin(REF);
    await writer.write(BINARY.subarray(0, 5));
    expect(writer.written).toBe(5);
    expect(await root.blobs.size(SHA256)).toBeUndefined();
    await writer.write(BINARY.subarray(5));
    await writer.commit();
    expect(await root.blobs.size(SHA256)).toBe(BINARY.length);
    expect(readFileSync(root.blobs.path(SHA256))).toEqual(Buffer.from(BINARY));
  });

  test("knows whether a binary has still the bytes that it is named by", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    expect(await root.blobs.isIntact(REF)).toBe(false);
    await putBinary(root);
    expect(await root.blobs.isIntact(REF)).toBe(true);
    chmodSync(root.blobs.path(SHA256), 0o700);
    writeFileSync(
      root.blobs.path(SHA256),
      BINARY.map((byte) => byte ^ 1),
    );
    expect(await root.blobs.isIntact(REF)).toBe(false);
  });

  test("W2: a binary can be read and executed by whoever reaches it and written by nobody, whatever the umask", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const before = process.umask(0);
    try {
      await putBinary(root);
    } finally {
      process.umask(before);
    }
    expect(statSync(root.blobs.path(SHA256)).mode & 0o7777).toBe(0o555);
  });

  test("W4: everything is renamed within its directory", async () => {
    await using dir = await tempDir();
    const fs = new RecordingFs();
    await using root = await open(dir.path, { fs });
    await install(root);
    const renames = fs.changes.flatMap((change) => (change.verb === "rename" ? [[change.from, change.path]] : []));
    expect(renames.length).toBeGreaterThan(1);
    for (const [from = "", to = ""] of renames) {
      expect(dirname(from)).toBe(dirname(to));
    }
  });

  test("nothing stays of a writer that is disposed", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    {
      await using writer = await root.blobs.begin(REF);
      await writer.write(BINARY);
      expect(blobs(root)).toHaveLength(1);
    }
    expect(blobs(root)).toEqual([]);
  });

  test("more or fewer bytes than announced are refused", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    await using writer = await root.blobs.begin(REF);
    expect(await reasonOf(writer.write(new Uint8Array(BINARY.length + 1)))).toBe("TOO_LARGE");
    await writer.write(BINARY.subarray(1));
    expect(await reasonOf(writer.commit())).toBe("SIZE_MISMATCH");
    expect(await root.blobs.size(SHA256)).toBeUndefined();
  });

  test("what is no digest reaches no file", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    for (const sha256 of ["", "..", "../../format", SHA256.toUpperCase(), `${SHA256}0`]) {
      expect(await reasonOf(root.blobs.size(sha256))).toBe("INVALID_ARGUMENT");
      expect(await reasonOf(root.blobs.retire(sha256))).toBe("INVALID_ARGUMENT");
      expect(await reasonOf(root.blobs.begin({ sha256, sizeBytes: 1 }))).toBe("INVALID_ARGUMENT");
    }
  });

  test("a directory in the place of a blob goes to quarantine, a link is replaced and not followed", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    mkdirSync(join(root.blobs.path(SHA256), "below"), { recursive: true });
    expect(await root.blobs.size(SHA256)).toBeUndefined();
    await putBinary(root);
    expect(await root.blobs.size(SHA256)).toBe(BINARY.length);
    expect(readdirSync(join(dir.path, "quarantine"))).toHaveLength(1);
    await root.blobs.retire(SHA256);
    symlinkSync("/etc/passwd", root.blobs.path(SHA256));
    expect(await root.blobs.size(SHA256)).toBeUndefined();
    await putBinary(root);
    expect(statSync(root.blobs.path(SHA256)).size).toBe(BINARY.length);
    expect(statSync("/etc/passwd").size).not.toBe(BINARY.length);
  });

  test("what no version links to can be removed as unused, and nothing else", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const { name } = await install(root);
    const blob = { sha256: SHA256, sizeBytes: BINARY.length };
    expect(await collect(root.blobs.list())).toEqual([{ ...blob, isUsed: true }]);
    expect(await root.blobs.retireUnused(SHA256)).toBe(false);
    await root.installations.retire(name);
    expect(await collect(root.blobs.list())).toEqual([{ ...blob, isUsed: false }]);
    expect(await root.blobs.retireUnused(SHA256)).toBe(true);
    expect(blobs(root)).toEqual([]);
    expect(await root.blobs.retireUnused(SHA256)).toBe(false);
    await root.blobs.retire(SHA256);
  });
});
