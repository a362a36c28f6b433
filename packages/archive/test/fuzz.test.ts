import { gunzipSync, gzipSync } from "node:zlib";
import { NodeError } from "@nodemanager/core";
import { paxOf, tarOf } from "@nodemanager/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { contents, inPieces } from "./support.ts";

const TAR = tarOf(
  { name: "bin/", type: "5", mode: 0o755 },
  { name: "bin/run", mode: 0o755, content: "#!/bin/sh\n" },
  paxOf({ path: "data/a long name", mtime: "1.5" }),
  { name: "short", content: "x".repeat(700) },
  { name: "././@LongLink", type: "L", content: `${"n".repeat(200)}\0` },
  { name: "cut", content: "y" },
);
const ZIPPED = gzipSync(TAR);

/** What is done to an archive: bytes overwritten, cut out, or put in. */
const change = fc.record({
  at: fc.nat(),
  remove: fc.nat({ max: 600 }),
  insert: fc.uint8Array({ maxLength: 20 }),
});

function changed(archive: Uint8Array, changes: readonly { at: number; remove: number; insert: Uint8Array }[]): Buffer {
  let bytes = Buffer.from(archive);
  for (const { at, remove, insert } of changes) {
    const place = at % (bytes.length + 1);
    bytes = Buffer.concat([bytes.subarray(0, place), insert, bytes.subarray(place + remove)]);
  }
  return bytes;
}

/** Headers of which single bytes are others, with the right checksum: what is read past the checksum. */
function withChecksums(archive: Buffer): Buffer {
  for (let at = 0; at + 512 <= archive.length; at += 512) {
    const header = archive.subarray(at, at + 512);
    if (header.subarray(257, 262).toString("latin1") === "ustar") {
      header.fill(" ", 148, 156);
      const sum = header.reduce((total, byte) => total + byte, 0);
      header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
    }
  }
  return archive;
}

async function expectRefusalAtMost(archive: Uint8Array, format: "tar" | "tar.gz", pieceBytes: number): Promise<void> {
  try {
    for (const line of await contents(inPieces(archive, pieceBytes), { format, maxBytes: 1024 * 1024 })) {
      expect(line.split("/")).not.toContain("..");
      expect(line.startsWith("/")).toBe(false);
    }
  } catch (error) {
    if (!(error instanceof NodeError)) {
      throw error;
    }
    expect(["INVALID_PACKAGE", "TOO_LARGE"]).toContain(error.reason);
  }
}

// An exception that nobody awaits fails the run as well: vitest counts it.
const cases = {
  changes: fc.array(change, { minLength: 1, maxLength: 4 }),
  pieceBytes: fc.constantFrom(100, 512, 4096),
};

test("an archive that was changed anywhere is read or refused, and nothing else happens", async () => {
  await fc.assert(
    fc.asyncProperty(fc.record(cases), ({ changes, pieceBytes }) =>
      expectRefusalAtMost(changed(TAR, changes), "tar", pieceBytes),
    ),
    { numRuns: 500 },
  );
});

test("an archive whose headers were changed, with the right checksums, is read or refused", async () => {
  const overwrite = fc.record({ at: fc.nat(), insert: fc.uint8Array({ minLength: 1, maxLength: 12 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(overwrite, { minLength: 1, maxLength: 4 }), async (overwrites) => {
      const changes = overwrites.map(({ at, insert }) => ({ at, insert, remove: insert.length }));
      await expectRefusalAtMost(withChecksums(changed(TAR, changes)), "tar", 4096);
    }),
    { numRuns: 500 },
  );
});

test("compressed bytes that were changed anywhere are read or refused", async () => {
  expect(gunzipSync(ZIPPED)).toEqual(TAR);
  await fc.assert(
    fc.asyncProperty(fc.record(cases), ({ changes, pieceBytes }) =>
      expectRefusalAtMost(changed(ZIPPED, changes), "tar.gz", pieceBytes),
    ),
    { numRuns: 300 },
  );
});

test("any bytes are read or refused", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), fc.constantFrom("tar", "tar.gz"), (bytes, format) =>
      expectRefusalAtMost(bytes, format, 512),
    ),
    { numRuns: 200 },
  );
});

test("whatever names files have, what comes out leads down and is there once", async () => {
  const name = fc.stringMatching(/^[./ab\\\u0000-\u001fü]{1,12}$/);
  await fc.assert(
    fc.asyncProperty(fc.array(name, { maxLength: 5 }), async (names) => {
      const tar = tarOf(...names.flatMap((path) => [paxOf({ path }), { name: "x" }]));
      const found = await contents(tar).catch((error: unknown) => {
        expect(error).toBeInstanceOf(NodeError);
        return [];
      });
      expect(new Set(found).size).toBe(found.length);
      for (const line of found) {
        const parts = line.replace(/\/$| 0$/, "").split("/");
        expect(parts.filter((part) => ["", ".", ".."].includes(part))).toEqual([]);
      }
    }),
    { numRuns: 300 },
  );
});
