import { readdir, utimes } from "node:fs/promises";
import { join } from "node:path";
import { NodeError } from "@nodemanager/core";
import { type BinaryRepository, openRepository, uploadBinary } from "@nodemanager/repository";
import { FakeClock, reasonOf, tempDir } from "@nodemanager/testing";
import { expect, test, vi } from "vitest";
import { chunksOf, contentAt, contentOf } from "./fixture.ts";

const { bytes, ref } = contentOf(100_000);

test("a source that throws ends the upload with its own error", async () => {
  await using dir = await tempDir();
  const { binaries } = await openRepository({ kind: "file", dir: dir.path });
  const source = async function* () {
    yield bytes.subarray(0, 10);
    throw new NodeError("INVALID_ARGUMENT", "unreadable");
  };
  expect(await reasonOf(uploadBinary({ to: binaries, ref, source }))).toBe("INVALID_ARGUMENT");
});

test("a source with other bytes is refused once, not again and again", async () => {
  await using dir = await tempDir();
  const { binaries } = await openRepository({ kind: "file", dir: dir.path });
  let sources = 0;
  const source = () => {
    sources++;
    return chunksOf(Buffer.alloc(bytes.length));
  };
  expect(await reasonOf(uploadBinary({ to: binaries, ref, source }))).toBe("DIGEST_MISMATCH");
  expect(sources).toBe(1);
});

test("a repository that takes no bytes, or gives no answer, is broken off and reported", async () => {
  for (const takes of [0, 1]) {
    const clock = new FakeClock();
    const to: BinaryRepository = {
      stat: async () => ({ receivedBytes: 0 }),
      async upload(_ref, chunks, { signal } = {}) {
        const iterator = chunks[Symbol.asyncIterator]();
        for (let taken = 0; taken < 1 + takes * 1000; taken++) {
          if ((await iterator.next()).done) {
            break;
          }
        }
        await new Promise((_, reject) => {
          signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
        });
      },
      open: () => chunksOf(bytes),
      delete: async () => {},
    };
    let reason: string | undefined;
    const tuning = { stallMs: 1000, attempts: 2, backoffMs: 10 };
    const done = reasonOf(uploadBinary({ to, ref, source: () => chunksOf(bytes), clock, tuning })).then((value) => {
      reason = value;
    });
    while (reason === undefined) {
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(100);
    }
    await done;
    expect(reason).toBe("REPOSITORY_UNAVAILABLE");
  }
});

test("an upload that hangs loses its bytes to the next one, which continues them, and then fails", async () => {
  await using dir = await tempDir();
  const { binaries } = await openRepository({ kind: "file", dir: dir.path });
  const { promise: dead, resolve: revive } = Promise.withResolvers<void>();
  const hanging = reasonOf(
    binaries.upload(
      ref,
      (async function* () {
        yield bytes.subarray(0, 40_000);
        await dead;
        yield bytes.subarray(40_000);
      })(),
    ),
  );
  const incoming = await vi.waitFor(async () => {
    const [name] = (await readdir(join(dir.path, "binaries"))).filter((entry) => entry.startsWith(".incoming-"));
    expect(name).toBeDefined();
    return join(dir.path, "binaries", name ?? "");
  });
  // One that writes is left alone.
  expect(await binaries.stat(ref.sha256)).toEqual({ receivedBytes: 0 });
  await vi.waitFor(async () => {
    // It stopped some time ago.
    await utimes(incoming, new Date(), new Date(Date.now() - 10_000));
    expect(await binaries.stat(ref.sha256)).toEqual({ receivedBytes: 40_000 });
  });
  await binaries.upload(ref, chunksOf(bytes, { offset: 40_000 }), { offset: 40_000 });
  revive();
  expect(await hanging).toBe("REPOSITORY_UNAVAILABLE");
  expect((await contentAt(binaries, ref.sha256)).equals(bytes)).toBe(true);
  expect(await readdir(join(dir.path, "binaries"))).toEqual(["sha256"]);
});

test("after a break it waits for its bytes to be given back rather than sending them again", async () => {
  await using dir = await tempDir();
  const { binaries } = await openRepository({ kind: "file", dir: dir.path });
  const clock = new FakeClock();
  const large = contentOf(3 * 1024 * 1024);
  const offsets: number[] = [];
  let stats = 0;
  const slowToNotice: BinaryRepository = {
    stat: async (sha256) => (++stats > 1 && stats < 5 ? { receivedBytes: 0 } : await binaries.stat(sha256)),
    upload: (...call) => binaries.upload(...call),
    open: (...call) => binaries.open(...call),
    delete: (...call) => binaries.delete(...call),
  };
  let isDone = false;
  const done = uploadBinary({
    to: slowToNotice,
    ref: large.ref,
    clock,
    // The clock runs far ahead of the disk; a stall is not what this is about.
    tuning: { stallMs: Number.MAX_SAFE_INTEGER },
    source: async function* (offset) {
      offsets.push(offset);
      yield* chunksOf(large.bytes.subarray(0, offset === 0 ? 2_000_000 : undefined), { offset, chunkBytes: 100_000 });
      if (offset === 0) {
        throw new NodeError("REPOSITORY_UNAVAILABLE", "the line broke");
      }
    },
  }).then(() => {
    isDone = true;
  });
  while (!isDone) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(250);
  }
  await done;
  expect(offsets).toEqual([0, 2_000_000]);
});
