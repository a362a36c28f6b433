import { connect, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { abortError, NodeError } from "@nodemanager/core";
import type { AppCycleClient, Callback, CallbackListener } from "@nodemanager/manager";

/** Takes one line of JSON with `id`, `key` and `value`, and answers with one. */
export const lineCallbacks: CallbackListener = {
  async listen({ socketPath, callbackId, keys }): Promise<Callback> {
    const values = new Map(keys.map((key) => [key, Promise.withResolvers<string>()]));
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {});
      createInterface(socket).once("line", (line) => {
        const { id, key, value } = JSON.parse(line);
        if (id === callbackId) {
          values.get(key)?.resolve(value);
          socket.write("ok\n");
        }
      });
    });
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(socketPath, resolve));
    return {
      address: `unix:${socketPath}`,
      async value(key, signal) {
        const aborted = new Promise<never>((_, reject) => {
          signal?.addEventListener("abort", () => reject(abortError(signal)), { once: true });
        });
        return await Promise.race([values.get(key)?.promise ?? aborted, aborted]);
      },
      async [Symbol.asyncDispose]() {
        for (const socket of sockets) {
          socket.destroy();
        }
        await new Promise((resolve) => server.close(resolve));
      },
    };
  },
};

/** Says `stop`, gets a line of JSON for each progress, and `done`. */
export const lineAppCycle: AppCycleClient = {
  async *stop(address, signal) {
    const socket = connect({ path: address.slice("unix:".length), signal });
    try {
      socket.on("error", () => {});
      socket.write("stop\n");
      for await (const line of createInterface(socket)) {
        if (line === "done") {
          return;
        }
        yield JSON.parse(line);
      }
    } finally {
      socket.destroy();
    }
    if (signal.aborted) {
      throw abortError(signal);
    }
    throw new NodeError("CHILD_PROTOCOL_ERROR", "it broke off");
  },
};
