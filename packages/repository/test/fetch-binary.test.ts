import { NodeError } from "@nodemanager/core";
import { type BinaryRepository, fetchBinary } from "@nodemanager/repository";
import { FakeClock, reasonOf } from "@nodemanager/testing";
import { describe, expect, test, vi } from "vitest";
import { type Content, contentOf, MemorySink, refOf } from "./fixture.ts";
import { type Answer, brokenAt, endingAt, endless, hostileBinaries, stallingAt } from "./hostile-binaries.ts";

const content = contentOf(200_000);
const { bytes, ref } = content;
const tuning = { backoffMs: 1, maxBackoffMs: 1, stallMs: 30_000, attempts: 3 };

function fetchFrom(from: BinaryRepository, sink: MemorySink = new MemorySink(), of: Content = content) {
  return fetchBinary({ from, ref: of.ref, sink, maxBytes: 1_000_000, tuning });
}

test("the sink has exactly the bytes, and progress ends at the goal", async () => {
  const sink = new MemorySink();
  const progress: [number, number][] = [];
  await fetchBinary({
    from: hostileBinaries(endingAt(bytes, bytes.length)),
    ref,
    sink,
    maxBytes: ref.sizeBytes,
    onProgress: (...step) => progress.push(step),
  });
  expect(sink.bytes.equals(bytes)).toBe(true);
  expect(progress.at(-1)).toEqual([ref.sizeBytes, ref.sizeBytes]);
});

test("an empty binary is fetched, and is looked for", async () => {
  const empty = { bytes: Buffer.alloc(0), ref: refOf(Buffer.alloc(0)) };
  await fetchFrom(hostileBinaries(endingAt(empty.bytes, 0)), new MemorySink(), empty);
  const missing: Answer = async function* () {
    yield* [];
    throw new NodeError("BINARY_NOT_FOUND", "no");
  };
  expect(await reasonOf(fetchFrom(hostileBinaries(missing), new MemorySink(), empty))).toBe("BINARY_NOT_FOUND");
});

test("more than is allowed is refused before anything is fetched", async () => {
  const from = hostileBinaries(endless);
  const options = { from, ref, sink: new MemorySink(), maxBytes: ref.sizeBytes - 1 };
  expect(await reasonOf(fetchBinary(options))).toBe("TOO_LARGE");
  expect(from.offsets).toEqual([]);
});

describe("a binary that is not what it should be", () => {
  test("endless bytes are cut off at the size", async () => {
    const sink = new MemorySink();
    expect(await reasonOf(fetchFrom(hostileBinaries(endless), sink))).toBe("SIZE_MISMATCH");
    expect(sink.written).toBeLessThanOrEqual(ref.sizeBytes);
  });

  test("one byte more is a wrong size, not a wrong digest", async () => {
    const more = Buffer.concat([bytes, Buffer.from("x")]);
    expect(await reasonOf(fetchFrom(hostileBinaries(endingAt(more, more.length))))).toBe("SIZE_MISMATCH");
    const less = { bytes, ref: { ...ref, sizeBytes: ref.sizeBytes - 1 } };
    const separate: Answer = async function* () {
      yield bytes.subarray(0, -1);
      yield bytes.subarray(-1);
    };
    expect(await reasonOf(fetchFrom(hostileBinaries(separate), new MemorySink(), less))).toBe("SIZE_MISMATCH");
  });

  test("a shorter one is a wrong size, once it is clear that nothing was cut off", async () => {
    const from = hostileBinaries(endingAt(bytes, 150_000));
    expect(await reasonOf(fetchFrom(from))).toBe("SIZE_MISMATCH");
    expect(from.offsets).toEqual([0, 150_000]);
  });

  test.each([0, 1, 65_536, 199_999])("a flipped bit at %d is found", async (position) => {
    const wrong = Buffer.from(bytes);
    wrong[position] = (wrong[position] ?? 0) ^ 0x10;
    expect(await reasonOf(fetchFrom(hostileBinaries(endingAt(wrong, wrong.length))))).toBe("DIGEST_MISMATCH");
  });

  test("two chunks in each other's place are found", async () => {
    const swapped = Buffer.concat([bytes.subarray(100_000), bytes.subarray(0, 100_000)]);
    expect(await reasonOf(fetchFrom(hostileBinaries(endingAt(swapped, swapped.length))))).toBe("DIGEST_MISMATCH");
  });
});

describe("a fetch that breaks off", () => {
  test("is continued at the byte where it was, as often as it brings something", async () => {
    const from = hostileBinaries(
      brokenAt(bytes, 70_000),
      brokenAt(bytes, 140_000),
      endingAt(bytes, 199_999),
      endingAt(bytes, bytes.length),
    );
    const sink = new MemorySink();
    await fetchFrom(from, sink);
    expect(from.offsets).toEqual([0, 70_000, 140_000, 199_999]);
    expect(sink.bytes.equals(bytes)).toBe(true);
  });

  test("is given up when it brings nothing a few times in a row", async () => {
    const from = hostileBinaries(brokenAt(bytes, 70_000));
    expect(await reasonOf(fetchFrom(from))).toBe("REPOSITORY_UNAVAILABLE");
    expect(from.offsets).toEqual([0, 70_000, 70_000]);
  });

  test("is given up when it brings only a little every time", async () => {
    const from = hostileBinaries((offset, signal) => brokenAt(bytes, offset + 1)(offset, signal));
    expect(await reasonOf(fetchFrom(from))).toBe("REPOSITORY_UNAVAILABLE");
    expect(from.offsets).toEqual([0, 1, 2]);
  });

  test("ends when the binary is gone by then", async () => {
    const gone: Answer = async function* () {
      yield* [];
      throw new NodeError("BINARY_NOT_FOUND", "gone");
    };
    expect(await reasonOf(fetchFrom(hostileBinaries(brokenAt(bytes, 70_000), gone)))).toBe("BINARY_NOT_FOUND");
  });

  test("pauses longer each time", async () => {
    const clock = new FakeClock();
    const from = hostileBinaries(brokenAt(bytes, 0));
    const options = { attempts: 4, backoffMs: 100, maxBackoffMs: 250, stallMs: 1_000_000 };
    const reason = reasonOf(fetchBinary({ from, ref, sink: new MemorySink(), maxBytes: 1e6, clock, tuning: options }));
    for (const [attempt, pauseMs] of [100, 200, 250].entries()) {
      // All that happens without time passing.
      await new Promise((resolve) => setImmediate(resolve));
      expect([clock.sleepers, from.offsets.length]).toEqual([1, attempt + 1]);
      clock.advance(pauseMs / 2 - 1);
      expect(clock.sleepers).toBe(1);
      clock.advance(pauseMs / 2 + 1);
    }
    expect(await reason).toBe("REPOSITORY_UNAVAILABLE");
    expect(from.offsets).toHaveLength(4);
  });
});

describe("a fetch that stalls", () => {
  test.each([{ hard: false }, { hard: true }])("is broken off and continued where it was: %o", async (how) => {
    const clock = new FakeClock();
    const from = hostileBinaries(stallingAt(bytes, 70_000, how), endingAt(bytes, bytes.length));
    const sink = new MemorySink();
    const done = fetchBinary({ from, ref, sink, maxBytes: 1e6, clock, tuning: { stallMs: 1000, backoffMs: 10 } });
    await vi.waitFor(() => expect(sink.written).toBe(70_000));
    clock.advance(999);
    await vi.waitFor(() => expect(clock.sleepers).toBe(1));
    expect(from.offsets).toEqual([0]);
    clock.advance(1);
    // Now it pauses before the next attempt.
    await vi.waitFor(() => {
      clock.advance(10);
      expect(from.offsets).toEqual([0, 70_000]);
    });
    await done;
    expect(sink.bytes.equals(bytes)).toBe(true);
  });

  test("is reported when it does so again and again", async () => {
    const clock = new FakeClock();
    const from = hostileBinaries(stallingAt(bytes, 0));
    let reason: string | undefined;
    const done = reasonOf(
      fetchBinary({ from, ref, sink: new MemorySink(), maxBytes: 1e6, clock, tuning: { ...tuning, stallMs: 1000 } }),
    ).then((value) => {
      reason = value;
    });
    await vi.waitFor(() => {
      clock.advance(1000);
      expect(reason).toBe("REPOSITORY_UNAVAILABLE");
    });
    await done;
    expect(from.offsets).toHaveLength(3);
  });

  test("a trickle is a stall", async () => {
    const clock = new FakeClock();
    // 100 bytes for every 100 ms of waiting is 1000 bytes a second.
    const trickle: Answer = async function* (offset, signal) {
      for (let at = offset; ; at += 100) {
        await clock.sleep(100, signal);
        yield bytes.subarray(at, at + 100);
      }
    };
    const fetchAt = async (minBytesPerSecond: number) => {
      const sink = new MemorySink();
      const options = { ...tuning, attempts: 1, stallMs: 5000, minBytesPerSecond };
      let settled: string | undefined;
      const done = fetchBinary({
        from: hostileBinaries(trickle),
        ref,
        sink,
        maxBytes: 1e6,
        clock,
        tuning: options,
      }).then(
        () => "done",
        (error) => error.reason,
      );
      void done.then((value) => {
        settled = value;
      });
      while (settled === undefined) {
        await new Promise((resolve) => setImmediate(resolve));
        clock.advance(100);
      }
      return { settled, written: sink.written };
    };
    expect(await fetchAt(900)).toEqual({ settled: "done", written: ref.sizeBytes });
    const slow = await fetchAt(1100);
    expect(slow.settled).toBe("REPOSITORY_UNAVAILABLE");
    expect(slow.written).toBeLessThan(10_000);
  });

  test("a slow sink is not the repository's stall", async () => {
    const clock = new FakeClock();
    const sink = new MemorySink();
    const slow = {
      get written() {
        return sink.written;
      },
      async write(chunk: Uint8Array) {
        clock.advance(60_000);
        await new Promise((resolve) => setImmediate(resolve));
        await sink.write(chunk);
      },
    };
    await fetchBinary({ from: hostileBinaries(endingAt(bytes, bytes.length)), ref, sink: slow, maxBytes: 1e6, clock });
    expect(sink.bytes.equals(bytes)).toBe(true);
  });

  test("leaves no sleeper behind", async () => {
    const clock = new FakeClock();
    const from = hostileBinaries(endingAt(bytes, bytes.length));
    await fetchBinary({ from, ref, sink: new MemorySink(), maxBytes: 1e6, clock });
    expect(clock.sleepers).toBe(0);
  });
});

test("what the sink throws comes out, and the source is ended", async () => {
  let ended = false;
  const answer: Answer = async function* () {
    try {
      yield* [bytes];
    } finally {
      ended = true;
    }
  };
  const full = {
    written: 0,
    write: async () => {
      throw new NodeError("DISK_FULL", "full");
    },
  };
  const options = { from: hostileBinaries(answer), ref, sink: full, maxBytes: 1e6 };
  expect(await reasonOf(fetchBinary(options))).toBe("DISK_FULL");
  await vi.waitFor(() => expect(ended).toBe(true));
});

test("an abort ends it, while it waits for bytes and while it pauses", async () => {
  const controller = new AbortController();
  const sink = new MemorySink();
  const from = hostileBinaries(stallingAt(bytes, 70_000, { hard: true }));
  const waiting = reasonOf(fetchBinary({ from, ref, sink, maxBytes: 1e6, signal: controller.signal }));
  await vi.waitFor(() => expect(sink.written).toBe(70_000));
  controller.abort();
  expect(await waiting).toBe("CANCELLED");

  const clock = new FakeClock();
  const pausing = new AbortController();
  const broken = hostileBinaries(brokenAt(bytes, 0));
  const options = { from: broken, ref, sink: new MemorySink(), maxBytes: 1e6, clock, signal: pausing.signal };
  const reason = reasonOf(fetchBinary(options));
  await vi.waitFor(() => expect(clock.sleepers).toBe(1));
  pausing.abort();
  expect(await reason).toBe("CANCELLED");
  expect(broken.offsets).toHaveLength(1);
});

test("a sink that has bytes is refused", async () => {
  const sink = new MemorySink();
  await sink.write(Buffer.from("x"));
  expect(await reasonOf(fetchFrom(hostileBinaries(endless), sink))).toBe("INVALID_ARGUMENT");
});
