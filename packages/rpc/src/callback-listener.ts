import { createHash, timingSafeEqual } from "node:crypto";
import { abortable, type Logger, NodeError } from "@nodemanager/core";
import type { Callback, CallbackListener } from "@nodemanager/manager";
import { ConfigServiceDefinition, type SetRequest } from "@nodemanager/proto/v1";
import { checkSocketPath, formatAddress } from "@nodemanager/transport";
import { serve } from "@nodemanager/transport/server";

// For the answer that is under way when the manager has what it waited for.
const CLOSE_GRACE_MS = 1000;
const MESSAGE_MAX_BYTES = 16 * 1024;

/**
 * Makes what listens for children: for each one a unix socket of its own that serves `ConfigService.Set` and nothing
 * else, so that being managed gives no right to manage.
 */
export function createCallbackListener(options: { readonly logger?: Logger } = {}): CallbackListener {
  return {
    async listen({ socketPath, callbackId, keys }): Promise<Callback> {
      const values = new CallbackValues(callbackId, keys);
      const server = await serve({
        listen: [{ kind: "unix", path: checkSocketPath(socketPath) }],
        register: (registrar) =>
          registrar.add(ConfigServiceDefinition, {
            async set(request) {
              values.set(request);
              return {};
            },
          }),
        introspection: false,
        maxMessageBytes: MESSAGE_MAX_BYTES,
        ...options,
      });
      return {
        address: formatAddress({ kind: "unix", path: socketPath }),
        value: (key, signal) => values.value(key, signal),
        async [Symbol.asyncDispose]() {
          values.close();
          await server.close({ graceMs: CLOSE_GRACE_MS });
        },
      };
    },
  };
}

/** One that logs nothing. */
export const callbackListener: CallbackListener = createCallbackListener();

/** What one child has said. */
class CallbackValues {
  readonly #callbackId: string;
  readonly #slots: ReadonlyMap<string, { readonly settled: PromiseWithResolvers<string>; value?: string }>;

  constructor(callbackId: string, keys: readonly string[]) {
    this.#callbackId = callbackId;
    this.#slots = new Map(keys.map((key) => [key, { settled: Promise.withResolvers<string>() }]));
    for (const { settled } of this.#slots.values()) {
      // Nobody may wait for it when it is closed.
      settled.promise.catch(() => {});
    }
  }

  /** @throws NodeError `UNKNOWN_CALLBACK`, `INVALID_ARGUMENT`, `ALREADY_EXISTS` */
  set({ callbackId, key, value }: SetRequest): void {
    if (!isSameSecret(callbackId, this.#callbackId)) {
      throw new NodeError("UNKNOWN_CALLBACK", "that is not the callback id of this child");
    }
    const slot = this.#slots.get(key);
    if (!slot) {
      throw new NodeError("INVALID_ARGUMENT", `nobody waits for the key ${JSON.stringify(key)}`, {
        metadata: { field: "key" },
      });
    }
    if (slot.value !== undefined && slot.value !== value) {
      throw new NodeError("ALREADY_EXISTS", `${key} is set already, to another value`);
    }
    slot.value = value;
    slot.settled.resolve(value);
  }

  async value(key: string, signal: AbortSignal | undefined): Promise<string> {
    const slot = this.#slots.get(key);
    if (!slot) {
      throw new Error(`the key ${key} was not given to listen()`);
    }
    return await abortable(slot.settled.promise, signal);
  }

  close(): void {
    for (const { settled } of this.#slots.values()) {
      settled.reject(new NodeError("CANCELLED", "the callback was closed before the child called it"));
    }
  }
}

/** In a time that says nothing about where they differ. */
function isSameSecret(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
