import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { AppCycleServiceDefinition } from "@nodemanager/proto/v1";
import { appCycleClient } from "@nodemanager/rpc/server";
import { collect, failureOf, reasonOf, tempDir } from "@nodemanager/testing";
import { type Address, formatAddress } from "@nodemanager/transport";
import { type RunningServer, serve } from "@nodemanager/transport/server";
import { expect, test } from "vitest";

const never = new AbortController().signal;

type Stop = (signal: AbortSignal) => AsyncGenerator<{ task?: { progress?: number; goal?: number } }, void>;

/** An application as far as the manager sees it when it stops it. */
async function application(stop: Stop): Promise<AsyncDisposable & { address: string; server: RunningServer }> {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await tempDir()).path;
  const listen: Address[] = [{ kind: "unix", path: join(dir, "app") }];
  const server = stack.use(
    await serve({
      listen,
      register: (registrar) =>
        registrar.add(AppCycleServiceDefinition, {
          stop: (_request, { signal }) => stop(signal),
          async forceStop() {
            return {};
          },
        }),
    }),
  );
  const owned = stack.move();
  const address = listen.map(formatAddress).join();
  return { address, server, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

test("progress is streamed, and ends when the application has ended the stream", async () => {
  await using app = await application(async function* () {
    yield { task: { progress: 0, goal: 10 } };
    yield {};
    yield { task: { progress: 7, goal: 10 } };
  });
  expect(await collect(appCycleClient.stop(app.address, never))).toEqual([
    { progress: 0, goal: 10 },
    { progress: 7, goal: 10 },
  ]);
});

test("an application that breaks off is not taken for one that has stopped", async () => {
  await using app = await application(async function* (signal) {
    yield { task: { progress: 1, goal: 2 } };
    await once(signal, "abort");
  });
  const seen: number[] = [];
  const failure = await failureOf(async () => {
    for await (const { progress } of appCycleClient.stop(app.address, never)) {
      seen.push(progress);
      void app.server.close();
    }
  });
  expect(seen).toEqual([1]);
  expect(failure.reason).toBe("CHILD_PROTOCOL_ERROR");
});

test("an application that fails to stop is one, too", async () => {
  // biome-ignore lint/correctness/useYield: it fails before it yields
  await using app = await application(async function* () {
    throw new Error("no");
  });
  expect(await reasonOf(collect(appCycleClient.stop(app.address, never)))).toBe("CHILD_PROTOCOL_ERROR");
});

test("nobody there, or somebody who speaks something else, is a breach of the protocol", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "app");
  expect(await reasonOf(collect(appCycleClient.stop(`unix:${path}`, never)))).toBe("CHILD_PROTOCOL_ERROR");
  const server = createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")).listen(path);
  await once(server, "listening");
  try {
    expect(await reasonOf(collect(appCycleClient.stop(`unix:${path}`, never)))).toBe("CHILD_PROTOCOL_ERROR");
  } finally {
    server.close();
  }
});

test.each(["", "nonsense", "127.0.0.1:22", "example.org:80", "unix:relative", `unix:/${"x".repeat(200)}`])(
  "the manager connects to unix sockets only, not to %j",
  async (address) => {
    expect(await reasonOf(collect(appCycleClient.stop(address, never)))).toBe("CHILD_PROTOCOL_ERROR");
  },
);

test("the wait ends with the signal, and the application is told", async () => {
  const told = Promise.withResolvers<void>();
  await using app = await application(async function* (signal) {
    yield { task: { progress: 1, goal: 2 } };
    await once(signal, "abort");
    told.resolve();
  });
  const controller = new AbortController();
  const stopping = async () => {
    for await (const _ of appCycleClient.stop(app.address, controller.signal)) {
      controller.abort();
    }
  };
  expect(await reasonOf(stopping())).toBe("CANCELLED");
  await told.promise;
});
