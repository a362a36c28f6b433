import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { NodeError } from "@nodemanager/core";
import { uploadBinary } from "@nodemanager/repository";
import { reasonOf } from "@nodemanager/testing";
import { describe, expect, test, vi } from "vitest";
import { arrived, chunksOf, contentAt, contentOf, refOf } from "./fixture.ts";
import { KINDS } from "./repository-kinds.ts";

const KIB = 1024;

// The checklist's B1 to B4, B7 and B8 for binaries that are named by their content.
describe.each(KINDS)("binaries of a $kind repository", ({ make }) => {
  // B1, B2: what was one part or several is any size here; the sizes are those around the chunks.
  test.each([0, 1, 256 * KIB - 1, 256 * KIB, 256 * KIB + 1, 1024 * KIB, 4096 * KIB, 4096 * KIB + 77])(
    "%d bytes are uploaded, looked up, downloaded equal, and deleted without a trace",
    async (sizeBytes) => {
      await using made = await make();
      const { binaries } = made.repository;
      const { bytes, ref } = contentOf(sizeBytes);
      await binaries.upload(ref, chunksOf(bytes, { chunkBytes: 300 * KIB }));
      expect(await binaries.stat(ref.sha256)).toEqual({ binary: ref, receivedBytes: 0 });
      expect((await contentAt(binaries, ref.sha256)).equals(bytes)).toBe(true);
      await binaries.delete(ref.sha256);
      expect(await binaries.stat(ref.sha256)).toEqual({ receivedBytes: 0 });
      expect(await readdir(join(made.dir, "binaries"))).toEqual(["sha256"]);
      expect(await readdir(join(made.dir, "binaries", "sha256"))).toEqual([]);
    },
  );

  test("a download starts at any offset up to the end", async () => {
    await using made = await make();
    const { binaries } = made.repository;
    const { bytes, ref } = contentOf(300 * KIB);
    await binaries.upload(ref, chunksOf(bytes));
    for (const offset of [1, 256 * KIB, 300 * KIB - 1, 300 * KIB]) {
      expect((await contentAt(binaries, ref.sha256, offset)).equals(bytes.subarray(offset))).toBe(true);
    }
    expect(await reasonOf(contentAt(binaries, ref.sha256, 300 * KIB + 1))).toBe("INVALID_ARGUMENT");
  });

  test("an upload that breaks off is invisible, is kept, and is continued where it was", async () => {
    await using made = await make();
    const { binaries } = made.repository;
    const { bytes, ref } = contentOf(100_000);
    const broken = (async function* () {
      yield* chunksOf(bytes.subarray(0, 40_000));
      await vi.waitFor(async () => expect(await arrived(made.dir)).toBe(40_000));
      throw new NodeError("CANCELLED", "the line broke");
    })();
    expect(await reasonOf(binaries.upload(ref, broken))).toBe("CANCELLED");
    expect(await reasonOf(contentAt(binaries, ref.sha256))).toBe("BINARY_NOT_FOUND");
    // The server may learn of it later than the client.
    const receivedBytes = 40_000;
    await vi.waitFor(async () => expect(await binaries.stat(ref.sha256)).toEqual({ receivedBytes }));
    await binaries.upload(ref, chunksOf(bytes, { offset: receivedBytes }), { offset: receivedBytes });
    expect((await contentAt(binaries, ref.sha256)).equals(bytes)).toBe(true);
    expect(await readdir(join(made.dir, "binaries"))).toEqual(["sha256"]);
  });

  // B3.
  test("an uploader on a flaky line finishes, sending nothing twice that had arrived", async () => {
    await using made = await make();
    const { binaries } = made.repository;
    const { bytes, ref } = contentOf(700_000);
    const offsets: number[] = [];
    await uploadBinary({
      to: binaries,
      ref,
      source: async function* (offset) {
        offsets.push(offset);
        yield* chunksOf(bytes.subarray(0, Math.min(offset + 200_000, bytes.length)), { offset });
        if (offset + 200_000 < bytes.length) {
          await vi.waitFor(async () => expect(await arrived(made.dir)).toBe(offset + 200_000));
          throw new NodeError("REPOSITORY_UNAVAILABLE", "the line broke");
        }
      },
      tuning: { backoffMs: 100 },
    });
    expect((await contentAt(binaries, ref.sha256)).equals(bytes)).toBe(true);
    expect(offsets).toEqual([0, 200_000, 400_000, 600_000]);
  });

  test("bytes that are not what was announced are refused, and nothing of them stays", async () => {
    await using made = await make();
    const { binaries } = made.repository;
    const { bytes, ref } = contentOf(5000);
    const wrong = Buffer.from(bytes);
    wrong[2500] = (wrong[2500] ?? 0) ^ 1;
    expect(await reasonOf(binaries.upload(ref, chunksOf(wrong)))).toBe("DIGEST_MISMATCH");
    const tooLong = Buffer.concat([bytes, Buffer.from("x")]);
    expect(await reasonOf(binaries.upload(ref, chunksOf(tooLong)))).toBe("SIZE_MISMATCH");
    expect(await binaries.stat(ref.sha256)).toEqual({ receivedBytes: 0 });
    expect(await readdir(join(made.dir, "binaries"))).toEqual(["sha256"]);
  });

  test("an upload that ends too early is refused and can be continued", async () => {
    await using made = await make();
    const { binaries } = made.repository;
    const { bytes, ref } = contentOf(5000);
    expect(await reasonOf(binaries.upload(ref, chunksOf(bytes.subarray(0, 3000))))).toBe("SIZE_MISMATCH");
    expect(await binaries.stat(ref.sha256)).toEqual({ receivedBytes: 3000 });
    expect(await reasonOf(binaries.upload(ref, chunksOf(bytes), { offset: 3001 }))).toBe("INVALID_ARGUMENT");
    expect(await binaries.stat(ref.sha256)).toEqual({ receivedBytes: 3000 });
    await binaries.upload(ref, chunksOf(bytes, { offset: 3000 }), { offset: 3000 });
    expect((await contentAt(binaries, ref.sha256)).equals(bytes)).toBe(true);
  });

  // B4.
  test("uploading the same again changes nothing and asks for no bytes; deleting twice has its reason", async () => {
    await using made = await make();
    const { binaries } = made.repository;
    const { bytes, ref } = contentOf(5000);
    const upload = () =>
      uploadBinary({
        to: binaries,
        ref,
        source: (offset) => {
          sources++;
          return chunksOf(bytes, { offset });
        },
      });
    let sources = 0;
    await upload();
    await upload();
    expect(sources).toBe(1);
    await binaries.upload(ref, chunksOf(bytes));
    await binaries.delete(ref.sha256);
    expect(await reasonOf(binaries.delete(ref.sha256))).toBe("BINARY_NOT_FOUND");
    expect(await reasonOf(contentAt(binaries, ref.sha256))).toBe("BINARY_NOT_FOUND");
  });

  test.each(["", "..", "a".repeat(63), "A".repeat(64), `${"a".repeat(61)}/..`, `${"a".repeat(64)}\n`])(
    "%j names no binary",
    async (sha256) => {
      await using made = await make();
      const { binaries } = made.repository;
      await binaries.upload(refOf(Buffer.from("x")), chunksOf(Buffer.from("x")));
      expect(await reasonOf(contentAt(binaries, sha256))).toBe("INVALID_ARGUMENT");
      expect(await reasonOf(binaries.stat(sha256))).toBe("INVALID_ARGUMENT");
      expect(await reasonOf(binaries.delete(sha256))).toBe("INVALID_ARGUMENT");
      expect(await reasonOf(binaries.upload({ sha256, sizeBytes: 1 }, chunksOf(Buffer.from("x"))))).toBe(
        "INVALID_ARGUMENT",
      );
    },
  );

  test("concurrent uploads of one binary do not disturb each other, nor does a wrong one", async () => {
    await using made = await make();
    const { binaries } = made.repository;
    const { bytes, ref } = contentOf(400_000);
    const wrong = Buffer.from(bytes);
    wrong[399_999] = (wrong[399_999] ?? 0) ^ 1;
    const results = await Promise.allSettled([
      ...Array.from({ length: 5 }, () => binaries.upload(ref, chunksOf(bytes))),
      reasonOf(binaries.upload(ref, chunksOf(wrong))),
    ]);
    expect(results.slice(0, 5).map((result) => result.status)).toEqual(Array(5).fill("fulfilled"));
    expect((await contentAt(binaries, ref.sha256)).equals(bytes)).toBe(true);
    expect(await readdir(join(made.dir, "binaries"))).toEqual(["sha256"]);
  });

  test("a binary that is deleted while it is read is read to its end", async () => {
    await using made = await make();
    const { binaries } = made.repository;
    const { bytes, ref } = contentOf(3_000_000);
    await binaries.upload(ref, chunksOf(bytes, { chunkBytes: 100_000 }));
    const read: Uint8Array[] = [];
    for await (const chunk of binaries.open(ref.sha256)) {
      if (read.length === 0) {
        await binaries.delete(ref.sha256);
      }
      read.push(chunk);
    }
    expect(Buffer.concat(read).equals(bytes)).toBe(true);
  });

  test("everything is there after a restart, also what is unfinished", async () => {
    await using made = await make();
    const { bytes, ref } = contentOf(5000);
    const unfinished = contentOf(6000, "other");
    await made.repository.binaries.upload(ref, chunksOf(bytes));
    await reasonOf(made.repository.binaries.upload(unfinished.ref, chunksOf(unfinished.bytes.subarray(0, 2000))));
    const { binaries } = await made.reopen();
    expect((await contentAt(binaries, ref.sha256)).equals(bytes)).toBe(true);
    expect(await binaries.stat(unfinished.ref.sha256)).toEqual({ receivedBytes: 2000 });
  });

  test("an unfinished upload whose bytes went bad on the disk is started over", async () => {
    await using made = await make();
    const { binaries } = made.repository;
    const { bytes, ref } = contentOf(5000);
    await reasonOf(binaries.upload(ref, chunksOf(bytes.subarray(0, 2000))));
    await writeFile(join(made.dir, "binaries", `.incoming-${ref.sha256}`), Buffer.alloc(2000));
    const offsets: number[] = [];
    await uploadBinary({
      to: binaries,
      ref,
      source: (offset) => {
        offsets.push(offset);
        return chunksOf(bytes, { offset });
      },
    });
    expect(offsets).toEqual([2000, 0]);
    expect((await contentAt(binaries, ref.sha256)).equals(bytes)).toBe(true);
  });

  test("what was left of a longer binary with the same name, which was a lie, is not part of the right one", async () => {
    await using made = await make();
    const { binaries } = made.repository;
    const { bytes, ref } = contentOf(5000);
    const lie = { ...ref, sizeBytes: 10_000 };
    expect(await reasonOf(binaries.upload(lie, chunksOf(Buffer.alloc(8000))))).toBe("SIZE_MISMATCH");
    expect(await binaries.stat(ref.sha256)).toEqual({ receivedBytes: 8000 });
    await binaries.upload(ref, chunksOf(bytes));
    expect((await contentAt(binaries, ref.sha256)).equals(bytes)).toBe(true);
  });
});
