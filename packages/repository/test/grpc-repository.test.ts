import { once } from "node:events";
import { copyFile, mkdir, readdir, readlink } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { BinaryRepositoryServiceDefinition } from "@nodemanager/proto/v1";
import { fetchBinary, openRepository, parseRepositoryAddress, uploadBinary } from "@nodemanager/repository";
import { serveRepository } from "@nodemanager/repository/server";
import { failureOf, flakyProxy, reasonOf, tempDir } from "@nodemanager/testing";
import { connect as connectTransport } from "@nodemanager/transport/client";
import { describe, expect, test, vi } from "vitest";
import { arrived, chunksOf, contentAt, contentOf, MemorySink, offer } from "./fixture.ts";
import { endingAt, endless, stallingAt } from "./hostile-binaries.ts";
import { type Hostility, openHostile, serveHostile } from "./hostile-repository.ts";

const LOOPBACK = { kind: "tcp", host: "127.0.0.1", port: 0 } as const;
const large = contentOf(2_000_000);

async function hostile(hostility: Hostility) {
  const stack = new AsyncDisposableStack();
  const { path: dir } = stack.use(await tempDir());
  const right = await openRepository({ kind: "file", dir });
  await right.binaries.upload(large.ref, chunksOf(large.bytes, { chunkBytes: 100_000 }));
  const envelope = await offer(right, "app", "1.0.0", ["p"]);
  const server = stack.use(await serveHostile({ dir, hostility }));
  const repository = stack.use(await openHostile(server));
  return { repository, envelope, server, dir, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

describe("a repository that is down", () => {
  test("is unavailable for every operation, at once", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" && address ? address.port : 0;
    server.close();
    await once(server, "close");
    await using repository = await openRepository({ kind: "grpc", host: "127.0.0.1", port });
    const { applications, binaries } = repository;
    const { bytes, ref } = contentOf(10);
    const error = await failureOf(applications.match("app", { profiles: ["p"] }));
    expect(error.reason).toBe("REPOSITORY_UNAVAILABLE");
    expect(error.message).toContain(`127.0.0.1:${port}`);
    expect(await reasonOf(applications.list())).toBe("REPOSITORY_UNAVAILABLE");
    expect(await reasonOf(binaries.stat(ref.sha256))).toBe("REPOSITORY_UNAVAILABLE");
    expect(await reasonOf(contentAt(binaries, ref.sha256))).toBe("REPOSITORY_UNAVAILABLE");
    expect(await reasonOf(binaries.upload(ref, chunksOf(bytes)))).toBe("REPOSITORY_UNAVAILABLE");
    const tuning = { attempts: 2, backoffMs: 1 };
    const fetch = fetchBinary({ from: binaries, ref, sink: new MemorySink(), maxBytes: 100, tuning });
    expect(await reasonOf(fetch)).toBe("REPOSITORY_UNAVAILABLE");
    expect(await reasonOf(uploadBinary({ to: binaries, ref, source: () => chunksOf(bytes), tuning }))).toBe(
      "REPOSITORY_UNAVAILABLE",
    );
  });

  test("something else on its port is told apart from it", async () => {
    const server = createServer((socket) => socket.on("error", () => {}).end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" && address ? address.port : 0;
    await using repository = await openRepository({ kind: "grpc", host: "127.0.0.1", port });
    expect(await reasonOf(repository.applications.list())).toBe("REPOSITORY_UNAVAILABLE");
    server.close();
  });
});

describe("an answer that is not right", () => {
  test.each([
    { what: "no envelope", change: { envelope: undefined }, reason: "INVALID_ENVELOPE" },
    { what: "a profile nobody asked for", change: { profile: "q" }, reason: "INVALID_ENVELOPE" },
  ])("$what: $reason", async ({ change, reason }) => {
    await using made = await hostile({ match: (right) => ({ ...right, ...change }) });
    expect(await reasonOf(made.repository.applications.match("app", { profiles: ["p"] }))).toBe(reason);
  });

  test.each([
    { what: "no title", change: { title: "" }, reason: "INVALID_TITLE" },
    { what: "a title that leads elsewhere", change: { title: "../../etc" }, reason: "INVALID_TITLE" },
    {
      what: "what could be taken for the manager's title",
      change: { title: " node manager" },
      reason: "RESERVED_TITLE",
    },
    { what: "no binary", change: { binary: undefined }, reason: "INVALID_ENVELOPE" },
    { what: "an odd digest", change: { binary: { sha256: "../x", sizeBytes: 1n } }, reason: "INVALID_ENVELOPE" },
    {
      what: "a size that no number holds",
      change: { binary: { sha256: "0".repeat(64), sizeBytes: 2n ** 64n - 1n } },
      reason: "INVALID_ENVELOPE",
    },
    { what: "no version", change: { version: "" }, reason: "INVALID_ENVELOPE" },
    { what: "another variable of the manager", change: { env: { NODED_X: "1" } }, reason: "INVALID_ENVELOPE" },
  ])("an envelope with $what: $reason", async ({ change, reason }) => {
    await using made = await hostile({
      match: (right) => ({ ...right, envelope: right.envelope && { ...right.envelope, ...change } }),
    });
    expect(await reasonOf(made.repository.applications.match("app", { profiles: ["p"] }))).toBe(reason);
  });

  test("an envelope of another version than was asked for is not taken in", async () => {
    await using made = await hostile({
      match: (right) => ({ ...right, envelope: right.envelope && { ...right.envelope, version: "9.9.9" } }),
    });
    const { applications } = made.repository;
    expect((await applications.match("app", { profiles: ["p"] })).envelope.version).toBe("9.9.9");
    const asked = applications.match("app", { profiles: ["p"], version: "1.0.0" });
    expect(await reasonOf(asked)).toBe("INVALID_ENVELOPE");
  });

  test("an envelope that is larger than any may be is not taken in", async () => {
    await using made = await hostile({
      match: (right) => ({
        ...right,
        envelope: right.envelope && { ...right.envelope, args: Array<string>(20).fill("x".repeat(100_000)) },
      }),
    });
    expect(await reasonOf(made.repository.applications.match("app", { profiles: ["p"] }))).toBe("INVALID_ENVELOPE");
  });

  test("an answer that is larger than any message is not taken in", async () => {
    await using made = await hostile({
      match: (right) => ({
        ...right,
        envelope: right.envelope && { ...right.envelope, args: Array<string>(60).fill("x".repeat(100_000)) },
      }),
    });
    // Which side refuses depends on the server.
    expect(["TOO_LARGE", "INTERNAL"]).toContain(
      await reasonOf(made.repository.applications.match("app", { profiles: ["p"] })),
    );
  });

  test("one that does not come: the repository is unavailable", async () => {
    const { promise: never } = Promise.withResolvers<never>();
    await using made = await hostile({ match: () => never });
    await using repository = await openRepository(parseRepositoryAddress(made.server.address), { timeoutMs: 50 });
    expect(await reasonOf(repository.applications.match("app", { profiles: ["p"] }))).toBe("REPOSITORY_UNAVAILABLE");
    const signal = AbortSignal.timeout(20);
    expect(await reasonOf(repository.applications.match("app", { profiles: ["p"], signal }))).toBe("CANCELLED");
  });
});

describe("a binary that comes over a bad line", () => {
  const fetchFrom = async (made: Awaited<ReturnType<typeof hostile>>, stallMs = 30_000) => {
    const sink = new MemorySink();
    const tuning = { attempts: 3, backoffMs: 1, stallMs };
    const options = { from: made.repository.binaries, ref: large.ref, sink, maxBytes: 1e8, tuning };
    return await fetchBinary(options).then(
      () => ({ reason: "none", sink }),
      (error) => ({ reason: error.reason, sink }),
    );
  };

  test("endless", async () => {
    await using made = await hostile({ download: endless });
    expect((await fetchFrom(made)).reason).toBe("SIZE_MISMATCH");
  });

  test("truncated", async () => {
    await using made = await hostile({ download: endingAt(large.bytes, 1_000_000) });
    expect((await fetchFrom(made)).reason).toBe("SIZE_MISMATCH");
  });

  test("with a flipped bit", async () => {
    await using made = await hostile({
      download: async function* (_offset, _signal, right) {
        for await (const chunk of right) {
          chunk[chunk.length >> 1] = (chunk[chunk.length >> 1] ?? 0) ^ 1;
          yield chunk;
        }
      },
    });
    expect((await fetchFrom(made)).reason).toBe("DIGEST_MISMATCH");
  });

  test("stalling for good, which is broken off on the server, too", async () => {
    let brokenOff = 0;
    await using made = await hostile({
      download: async function* (offset, signal) {
        signal?.addEventListener("abort", () => brokenOff++, { once: true });
        yield* stallingAt(large.bytes, 500_000)(offset, signal);
      },
    });
    const { reason, sink } = await fetchFrom(made, 50);
    expect(reason).toBe("REPOSITORY_UNAVAILABLE");
    expect(sink.written).toBe(500_000);
    await vi.waitFor(() => expect(brokenOff).toBe(3));
  });

  test("missing by then", async () => {
    await using made = await hostile({});
    await made.repository.binaries.delete(large.ref.sha256);
    expect((await fetchFrom(made)).reason).toBe("BINARY_NOT_FOUND");
  });

  test("cut again and again: it is continued where it was", async () => {
    const offsets: number[] = [];
    await using made = await hostile({
      download: (offset, _signal, right) => {
        offsets.push(offset);
        return right;
      },
    });
    await using proxy = await flakyProxy(Number(made.server.address.split(":").at(-1)));
    proxy.cutAfter(700_000);
    await using repository = await openRepository({ kind: "grpc", host: "127.0.0.1", port: proxy.port });
    const sink = new MemorySink();
    const tuning = { attempts: 5, backoffMs: 10 };
    await fetchBinary({ from: repository.binaries, ref: large.ref, sink, maxBytes: 1e8, tuning });
    expect(sink.bytes.equals(large.bytes)).toBe(true);
    expect(offsets.length).toBeGreaterThanOrEqual(3);
    expect(offsets).toEqual([...new Set(offsets)].sort((a, b) => a - b));
    expect(offsets.slice(1).every((offset) => offset > 0)).toBe(true);
  });
});

/** The bytes in chunks, doing something once when the first million of them has arrived. */
function halfway(dir: string, doOnce: () => Promise<void> | void) {
  const offsets: number[] = [];
  return {
    offsets,
    async *source(offset: number): AsyncGenerator<Uint8Array, void, undefined> {
      offsets.push(offset);
      for (let at = offset; at < large.bytes.length; at += 100_000) {
        if (at === 1_000_000 && offsets.length === 1) {
          await vi.waitFor(async () => expect(await arrived(dir)).toBe(1_000_000));
          await doOnce();
        }
        yield large.bytes.subarray(at, at + 100_000);
      }
    },
  };
}

test("an upload over a line that is cut is continued where it was", async () => {
  await using dir = await tempDir();
  await using server = await serveRepository({ dir: dir.path, listen: LOOPBACK });
  await using proxy = await flakyProxy(Number(server.address.split(":").at(-1)));
  await using repository = await openRepository({ kind: "grpc", host: "127.0.0.1", port: proxy.port });
  const { offsets, source } = halfway(dir.path, () => proxy.cut());
  const tuning = { backoffMs: 20 };
  await uploadBinary({ to: repository.binaries, ref: large.ref, source, tuning });
  expect((await contentAt(repository.binaries, large.ref.sha256)).equals(large.bytes)).toBe(true);
  expect(offsets).toEqual([0, 1_000_000]);
});

test("a server that is restarted in the middle of an upload continues it", async () => {
  await using dir = await tempDir();
  await using servers = new AsyncDisposableStack();
  const first = servers.use(await serveRepository({ dir: dir.path, listen: LOOPBACK }));
  await using repository = await openRepository(parseRepositoryAddress(first.address));
  const { offsets, source } = halfway(dir.path, async () => {
    await first.close();
    const port = Number(first.address.split(":").at(-1));
    servers.use(await serveRepository({ dir: dir.path, listen: { ...LOOPBACK, port } }));
  });
  const tuning = { backoffMs: 20, attempts: 10 };
  await uploadBinary({ to: repository.binaries, ref: large.ref, source, tuning });
  expect((await contentAt(repository.binaries, large.ref.sha256)).equals(large.bytes)).toBe(true);
  expect(offsets).toEqual([0, 1_000_000]);
});

test("an uploader that stalls is broken off, and what it brought is kept", async () => {
  await using dir = await tempDir();
  await using server = await serveRepository({ dir: dir.path, listen: LOOPBACK, tuning: { stallMs: 50 } });
  await using repository = await openRepository(parseRepositoryAddress(server.address));
  const { bytes, ref } = contentOf(10_000);
  const { promise: never } = Promise.withResolvers<void>();
  const upload = repository.binaries.upload(
    ref,
    (async function* () {
      yield bytes.subarray(0, 4000);
      await never;
    })(),
  );
  expect(await reasonOf(upload)).toBe("REPOSITORY_UNAVAILABLE");
  await vi.waitFor(async () => expect(await repository.binaries.stat(ref.sha256)).toEqual({ receivedBytes: 4000 }));
});

test("uploads that do not follow the protocol are refused", async () => {
  await using dir = await tempDir();
  await using server = await serveRepository({ dir: dir.path, listen: LOOPBACK });
  using connection = connectTransport({ ...LOOPBACK, port: Number(server.address.split(":").at(-1)) });
  const client = connection.client(BinaryRepositoryServiceDefinition);
  const chunk = { part: { $case: "chunk", value: Buffer.from("x") } } as const;
  const start = (sha256: string, sizeBytes: bigint, offsetBytes = 0n) =>
    ({ part: { $case: "start", value: { binary: { sha256, sizeBytes }, offsetBytes } } }) as const;
  const none = { part: undefined } as const;
  const sha256 = "0".repeat(64);
  for (const messages of [
    [],
    [none],
    [chunk],
    [{ part: { $case: "start", value: { binary: undefined, offsetBytes: 0n } } } as const],
    [start("../x", 1n), chunk],
    [start(sha256, 2n ** 63n), chunk],
    [start(sha256, 2n, 2n ** 63n), chunk],
    [start(sha256, 2n, 1n), chunk],
    [start(sha256, 2n), chunk, start(sha256, 2n)],
    [start(sha256, 2n), none],
  ]) {
    expect(
      await reasonOf(
        client.upload(
          (async function* () {
            yield* messages;
          })(),
        ),
      ),
    ).toBe("INVALID_ARGUMENT");
  }
});

test("leaving a download ends it on the server", async () => {
  await using made = await hostile({});
  const file = join(made.dir, "binaries", "sha256", large.ref.sha256);
  for await (const chunk of made.repository.binaries.open(large.ref.sha256)) {
    expect(chunk.length).toBeGreaterThan(0);
    break;
  }
  await vi.waitFor(async () => {
    const links = await Promise.all(
      (await readdir("/proc/self/fd")).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")),
    );
    expect(links).not.toContain(file);
  });
});

test("a list of more than a megabyte comes through", async () => {
  await using dir = await tempDir();
  const right = await openRepository({ kind: "file", dir: dir.path });
  const [application, profile, prerelease] = ["a".repeat(128), "p".repeat(240), "r".repeat(100)];
  await offer(right, application, "0.0.0", [profile]);
  const versions = join(dir.path, "applications", application);
  await Promise.all(
    Array.from({ length: 2300 }, async (_, i) => {
      await mkdir(join(versions, `1.0.${i}-${prerelease}`));
      await copyFile(
        join(versions, "0.0.0", `${profile}.json`),
        join(versions, `1.0.${i}-${prerelease}`, `${profile}.json`),
      );
    }),
  );
  await using server = await serveRepository({ dir: dir.path, listen: LOOPBACK });
  await using repository = await openRepository(parseRepositoryAddress(server.address));
  const releases = await repository.applications.list();
  expect(releases).toHaveLength(2301);
  expect(JSON.stringify(releases).length).toBeGreaterThan(1024 * 1024);
  expect(releases.at(-1)).toEqual({ application, version: `1.0.2299-${prerelease}`, profiles: [profile] });
});

test("close lets a call under way finish within the grace time", async () => {
  await using dir = await tempDir();
  const server = await serveRepository({ dir: dir.path, listen: LOOPBACK });
  await using repository = await openRepository(parseRepositoryAddress(server.address));
  let closed: Promise<void> | undefined;
  const { source } = halfway(dir.path, () => {
    closed = server.close({ graceMs: 10_000 });
  });
  await repository.binaries.upload(large.ref, source(0));
  await closed;
  expect(await reasonOf(repository.applications.list())).toBe("REPOSITORY_UNAVAILABLE");
});
