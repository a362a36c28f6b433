import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, stat, writeFile } from "node:fs/promises";
import { createConnection, createServer } from "node:net";
import { join } from "node:path";
import { NodeError } from "@nodemanager/core";
import { HealthDefinition } from "@nodemanager/proto";
import { AppCycleServiceDefinition, ConfigServiceDefinition } from "@nodemanager/proto/v1";
import { collect, failureOf, reasonOf, tempDir } from "@nodemanager/testing";
import type { Address } from "@nodemanager/transport";
import { connect } from "@nodemanager/transport/client";
import { type RunningServer, type ServeOptions, serve } from "@nodemanager/transport/server";
import { describe, expect, test, vi } from "vitest";
import { eventually } from "./eventually.ts";
import { RecordingLogger } from "./recording-logger.ts";

/** What a service of the test does with a call. */
interface Handlers {
  set?: (key: string, signal: AbortSignal) => Promise<void>;
  stop?: (signal: AbortSignal) => AsyncGenerator<number>;
}

function registering({ set = async () => {}, stop = async function* () {} }: Handlers): ServeOptions["register"] {
  return (server) => {
    server.add(ConfigServiceDefinition, {
      async set({ key }, { signal }) {
        await set(key, signal);
        return {};
      },
    });
    server.add(AppCycleServiceDefinition, {
      async *stop(_request, { signal }) {
        for await (const progress of stop(signal)) {
          yield { task: { progress, goal: 0 } };
        }
      },
      async forceStop() {
        return {};
      },
    });
  };
}

type Running = AsyncDisposable & { server: RunningServer; logger: RecordingLogger; path: string; address: Address };

async function start(handlers: Handlers = {}): Promise<Running> {
  await using stack = new AsyncDisposableStack();
  const path = join(stack.use(await tempDir()).path, "socket");
  const logger = new RecordingLogger();
  const address = { kind: "unix", path } as const;
  const server = stack.use(await serve({ listen: [address], register: registering(handlers), logger }));
  const owned = stack.move();
  return { server, logger, path, address, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function clients(address: Address) {
  const connection = connect(address);
  return {
    config: connection.client(ConfigServiceDefinition),
    cycle: connection.client(AppCycleServiceDefinition),
    health: connection.client(HealthDefinition),
    [Symbol.dispose]: () => connection.close(),
  };
}

/** Settles when the signal aborts, as a handler does that heeds it. */
async function aborted(signal: AbortSignal): Promise<never> {
  await once(signal, "abort");
  throw signal.reason;
}

describe("a unix socket", () => {
  test("belongs to its owner alone, and is gone after the end", async () => {
    await using running = await start();
    expect((await stat(running.path)).mode & 0o777).toBe(0o600);
    await running.server.close();
    await running.server.close();
    expect(await readdir(join(running.path, ".."))).toEqual([]);
  });

  test("that a killed process left behind is replaced", async () => {
    await using dir = await tempDir();
    const path = join(dir.path, "socket");
    const code = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 9))`;
    await once(spawn(process.execPath, ["-e", code], { stdio: "ignore" }), "exit");
    expect(await readdir(dir.path)).toEqual(["socket"]);
    await using server = await serve({ listen: [{ kind: "unix", path }], register: () => {} });
    using client = clients(server.addresses[0] ?? { kind: "unix", path });
    expect(await client.health.check({ service: "" })).toEqual({ status: 1 });
  });

  test("where somebody answers is left alone", async () => {
    await using running = await start();
    expect(await reasonOf(startPlain(running.address))).toBe("ADDRESS_IN_USE");
    using client = clients(running.address);
    expect(await client.config.set({})).toEqual({});
  });

  test("cannot take the place of a file, and needs its directory", async () => {
    await using dir = await tempDir();
    const path = join(dir.path, "file");
    await writeFile(path, "precious");
    expect(await reasonOf(startPlain({ kind: "unix", path }))).toBe("ADDRESS_IN_USE");
    expect((await stat(path)).size).toBe(8);
    expect(await reasonOf(startPlain({ kind: "unix", path: join(dir.path, "none/socket") }))).toBe("INVALID_CONFIG");
  });
});

async function startPlain(address: Address): Promise<void> {
  await using _server = await serve({ listen: [address], requireTlsOnTcp: false, register: () => {} });
}

describe("several addresses", () => {
  test("serve the same, and none of them listens when one cannot", async () => {
    await using dir = await tempDir();
    const unix = { kind: "unix", path: join(dir.path, "socket") } as const;
    const blocker = createServer().listen(0, "127.0.0.1");
    await once(blocker, "listening");
    const bound = blocker.address();
    const taken = { kind: "tcp", host: "127.0.0.1", port: typeof bound === "object" ? (bound?.port ?? 0) : 0 } as const;
    const options = { requireTlsOnTcp: false, register: registering({}) };
    expect(await reasonOf(serve({ ...options, listen: [unix, taken] }))).toBe("ADDRESS_IN_USE");
    expect(await readdir(dir.path)).toEqual([]);
    blocker.close();
    await once(blocker, "close");

    await using server = await serve({ ...options, listen: [unix, { ...taken, port: 0 }] });
    expect(server.addresses).toHaveLength(2);
    for (const address of server.addresses) {
      using client = clients(address);
      expect(await client.config.set({ key: "a" })).toEqual({});
    }
  });

  test("are at least one", async () => {
    expect(await reasonOf(serve({ listen: [], register: () => {} }))).toBe("INVALID_CONFIG");
  });
});

describe("a call", () => {
  test("fails with the error of its handler, and leaves one record", async () => {
    await using running = await start({
      async set() {
        throw new NodeError("ROOT_LOCKED", "locked by 17", { metadata: { pid: "17" } });
      },
    });
    using client = clients(running.address);
    const failure = await failureOf(client.config.set({}));
    expect(failure).toMatchObject({ reason: "ROOT_LOCKED", message: "locked by 17", metadata: { pid: "17" } });
    expect(running.logger.calls).toEqual([
      {
        op: "/nodemanager.v1.ConfigService/Set",
        status: "FAILED_PRECONDITION",
        reason: "ROOT_LOCKED",
        durationMs: expect.any(Number),
        peer: "unix",
      },
    ]);
  });

  test("with an error of any other kind tells its caller nothing but where to look", async () => {
    await using running = await start({
      async set(key) {
        await stat(`/nonexistent/${key}`);
      },
      async *stop() {
        yield 1;
        await stat("/nonexistent/secret");
      },
    });
    using client = clients(running.address);
    for (const call of [() => client.config.set({ key: "secret" }), () => collect(client.cycle.stop({}))]) {
      const failure = await failureOf(call());
      expect(failure.reason).toBe("INTERNAL");
      expect(failure.message).not.toMatch(/secret|ENOENT/);
      expect(JSON.stringify(failure.cause)).not.toMatch(/secret|ENOENT/);
      const id = failure.metadata.correlationId;
      const errors = running.logger.records.filter(({ level }) => level === "error");
      expect(errors.find(({ fields }) => fields.correlationId === id)?.fields.error).toMatch(/secret/);
      expect(running.logger.calls.at(-1)).toMatchObject({ status: "INTERNAL", correlationId: id });
    }
  });

  test("that its caller cancels aborts the handler's signal", async () => {
    const ended = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    await using running = await start({
      async set(_key, signal) {
        begun.resolve();
        await aborted(signal).finally(ended.resolve);
      },
    });
    using client = clients(running.address);
    const controller = new AbortController();
    const call = client.config.set({}, { signal: controller.signal });
    await begun.promise;
    controller.abort();
    expect(await reasonOf(call)).toBe("CANCELLED");
    await ended.promise;
    await eventually(() => expect(running.logger.calls).toMatchObject([{ status: "CANCELLED" }]));
    expect(running.logger.records.filter(({ level }) => level === "error")).toEqual([]);
  });

  test("keeps the reason of the signal that cancelled it", async () => {
    await using running = await start({ set: (_key, signal) => aborted(signal) });
    using client = clients(running.address);
    const signal = AbortSignal.abort(new NodeError("SHUTTING_DOWN", "going"));
    expect(await reasonOf(client.config.set({}, { signal }))).toBe("SHUTTING_DOWN");
    expect(await reasonOf(collect(client.cycle.stop({}, { signal })))).toBe("SHUTTING_DOWN");
    expect(running.logger.calls).toEqual([]);
  });

  test("ends at its deadline, on both sides", async () => {
    const ended = Promise.withResolvers<void>();
    await using running = await start({ set: (_key, signal) => aborted(signal).finally(ended.resolve) });
    using client = clients(running.address);
    expect(await reasonOf(client.config.set({}, { timeoutMs: 50 }))).toBe("DEADLINE_EXCEEDED");
    await ended.promise;
    expect(await reasonOf(client.config.set({}, { timeoutMs: 0 }))).toBe("DEADLINE_EXCEEDED");
  });

  test("may have a deadline so late that it is none", async () => {
    await using running = await start();
    using client = clients(running.address);
    expect(await client.config.set({}, { timeoutMs: Number.MAX_SAFE_INTEGER })).toEqual({});
  });

  test("with too large a message is refused", async () => {
    await using running = await start();
    using client = clients(running.address);
    expect(await reasonOf(client.config.set({ value: "x".repeat(65 * 1024) }))).toBe("TOO_LARGE");
    expect(await client.config.set({ value: "x".repeat(60 * 1024) })).toEqual({});
  });

  test("of what is not there says so", async () => {
    await using dir = await tempDir();
    const address = { kind: "unix", path: join(dir.path, "socket") } as const;
    await using _server = await serve({ listen: [address], introspection: false, register: () => {} });
    using client = clients(address);
    expect(await reasonOf(client.config.set({}))).toBe("NOT_IMPLEMENTED");
    expect(await reasonOf(client.health.check({}))).toBe("NOT_IMPLEMENTED");
  });

  test("to nobody fails with what that means to its caller, and names the address", async () => {
    await using dir = await tempDir();
    const address = { kind: "unix", path: join(dir.path, "socket") } as const;
    using client = clients(address);
    const failure = await failureOf(client.config.set({}));
    expect(failure).toMatchObject({ reason: "NODE_UNAVAILABLE", metadata: { address: `unix:${address.path}` } });
    using other = connect(address, { unavailable: "REPOSITORY_UNAVAILABLE" });
    expect(await reasonOf(other.client(ConfigServiceDefinition).set({}))).toBe("REPOSITORY_UNAVAILABLE");
    // As soon as somebody serves there, the same client reaches it.
    await using _server = await serve({ listen: [address], register: registering({}) });
    await eventually(async () => expect(await client.config.set({})).toEqual({}));
  });
});

test("what speaks no gRPC is turned away, and everybody else is served", async () => {
  await using running = await start();
  const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  const nonsense = ["", "\0", "GET / HTTP/1.1\r\n\r\n", preface, `${preface}${"\xff".repeat(1000)}`];
  for (const bytes of nonsense) {
    const socket = createConnection(running.path);
    socket.on("error", () => {});
    socket.end(bytes, "latin1");
    socket.resume();
    await once(socket, "close");
  }
  using client = clients(running.address);
  expect(await client.config.set({})).toEqual({});
  expect(running.logger.records.filter(({ level }) => level === "error")).toEqual([]);
});

describe("a stream", () => {
  test("whose reader leaves is ended on the side of the server", async () => {
    const ended = Promise.withResolvers<string>();
    await using running = await start({
      async *stop(signal) {
        try {
          for (let i = 0; ; i++) {
            yield i;
            await new Promise(setImmediate);
          }
        } finally {
          ended.resolve(signal.aborted ? "aborted" : "not aborted");
        }
      },
    });
    using client = clients(running.address);
    for await (const { task } of client.cycle.stop({})) {
      if (task?.progress === 3) {
        break;
      }
    }
    expect(await ended.promise).toBe("aborted");
    await eventually(() => expect(running.logger.calls).toMatchObject([{ status: "CANCELLED" }]));
  });

  test("waits for a reader that is slow", async () => {
    let produced = 0;
    const ended = Promise.withResolvers<void>();
    await using dir = await tempDir();
    const address = { kind: "unix", path: join(dir.path, "socket") } as const;
    await using _server = await serve({
      listen: [address],
      register: (server) =>
        server.add(AppCycleServiceDefinition, {
          async *stop() {
            try {
              for (; produced < 100_000; produced++) {
                yield { task: { progress: produced, goal: 0 } };
              }
            } finally {
              ended.resolve();
            }
          },
          async forceStop() {
            return {};
          },
        }),
    });
    using client = clients(address);
    const reader = client.cycle.stop({})[Symbol.asyncIterator]();
    await reader.next();
    let before = -1;
    await vi.waitFor(
      () => {
        const unchanged = produced === before;
        before = produced;
        expect(unchanged).toBe(true);
      },
      { interval: 100, timeout: 10_000 },
    );
    expect(produced).toBeLessThan(100_000);
    await reader.return?.();
    await ended.promise;
  });
});

describe("the end of a server", () => {
  test("waits for calls that are under way", async () => {
    const begun = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    await using running = await start({
      async set() {
        begun.resolve();
        await finish.promise;
      },
    });
    using client = clients(running.address);
    const call = client.config.set({});
    await begun.promise;
    const closed = running.server.close({ graceMs: 10_000 });
    using late = clients(running.address);
    expect(await reasonOf(late.config.set({}))).toBe("NODE_UNAVAILABLE");
    finish.resolve();
    expect(await call).toEqual({});
    await closed;
  });

  test("breaks off what is left after the grace", async () => {
    const begun = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    await using running = await start({
      set: (_key, signal) => {
        begun.resolve();
        return aborted(signal).finally(ended.resolve);
      },
    });
    using client = clients(running.address);
    const call = reasonOf(client.config.set({}));
    await begun.promise;
    await running.server.close({ graceMs: 20 });
    expect(await call).toBe("NODE_UNAVAILABLE");
    await ended.promise;
  });

  test("is not held up by those who watch its health", async () => {
    await using running = await start();
    using client = clients(running.address);
    const seen: unknown[] = [];
    const watched = (async () => {
      for await (const { status } of client.health.watch({ service: "" })) {
        seen.push(status);
      }
    })();
    await eventually(() => expect(seen).toEqual([1]));
    const startedMs = performance.now();
    await running.server.close({ graceMs: 10_000 });
    expect(performance.now() - startedMs).toBeLessThan(5000);
    await watched;
    expect(seen).toEqual([1, 2]);
  });

  test("comes with the grace that ends first", async () => {
    const begun = Promise.withResolvers<void>();
    await using running = await start({
      set: (_key, signal) => {
        begun.resolve();
        return aborted(signal);
      },
    });
    using client = clients(running.address);
    const call = reasonOf(client.config.set({}));
    await begun.promise;
    const patient = running.server.close({ graceMs: 600_000 });
    await running.server.close();
    await patient;
    expect(await call).toBe("NODE_UNAVAILABLE");
  });
});
