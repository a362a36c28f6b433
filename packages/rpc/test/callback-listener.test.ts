import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Callback } from "@nodemanager/manager";
import { HealthDefinition } from "@nodemanager/proto";
import { ConfigServiceDefinition, NodeServiceDefinition } from "@nodemanager/proto/v1";
import { callbackListener } from "@nodemanager/rpc/server";
import { reasonOf, tempDir } from "@nodemanager/testing";
import { parseAddress } from "@nodemanager/transport";
import { connect } from "@nodemanager/transport/client";
import { expect, test } from "vitest";

const KEY = "APP_CYCLE_ADDRESS";
const callbackId = "0123456789abcdef";

interface TestCallback extends AsyncDisposable {
  readonly callback: Callback;
  readonly dir: string;
  set(request: { callbackId?: string; key?: string; value?: string }): Promise<unknown>;
}

async function testCallback(): Promise<TestCallback> {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await tempDir()).path;
  const callback = stack.use(
    await callbackListener.listen({ socketPath: join(dir, "callback"), callbackId, keys: [KEY, "OTHER"] }),
  );
  const connection = stack.use(connect(parseAddress(callback.address)));
  const config = connection.client(ConfigServiceDefinition);
  const owned = stack.move();
  return {
    callback,
    dir,
    set: (request) => config.set({ callbackId, key: KEY, value: "unix:/a", ...request }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

test("a child sets a key and the manager, that waits for it, gets its value", async () => {
  await using child = await testCallback();
  const value = child.callback.value(KEY);
  await child.set({});
  expect(await value).toBe("unix:/a");
  expect(await child.callback.value(KEY)).toBe("unix:/a");
});

test("the first value wins; the same again is welcome, another one is not", async () => {
  await using child = await testCallback();
  await child.set({});
  await child.set({});
  expect(await reasonOf(child.set({ value: "unix:/b" }))).toBe("ALREADY_EXISTS");
  expect(await child.callback.value(KEY)).toBe("unix:/a");
  await child.set({ key: "OTHER", value: "" });
  expect(await child.callback.value("OTHER")).toBe("");
  expect(await reasonOf(child.set({ key: "OTHER" }))).toBe("ALREADY_EXISTS");
});

test("of twenty at once with different values one wins", async () => {
  await using child = await testCallback();
  const answers = await Promise.allSettled(
    Array.from({ length: 20 }, (_, i) => child.set({ value: `unix:/${i}` }).then(() => `unix:/${i}`)),
  );
  const won = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
  expect(won).toEqual([await child.callback.value(KEY)]);
});

test.each(["", "0123456789abcdeg", "0123456789abcdef0", "0123456789abcde"])(
  "a wrong callback id is refused: %j",
  async (wrong) => {
    await using child = await testCallback();
    expect(await reasonOf(child.set({ callbackId: wrong }))).toBe("UNKNOWN_CALLBACK");
    // Also for a key that is not one: who has no id learns nothing.
    expect(await reasonOf(child.set({ callbackId: wrong, key: "NOT_A_KEY" }))).toBe("UNKNOWN_CALLBACK");
  },
);

test.each(["", "not a key", "app_cycle_address", "__proto__"])("an unknown key is refused: %j", async (key) => {
  await using child = await testCallback();
  expect(await reasonOf(child.set({ key }))).toBe("INVALID_ARGUMENT");
});

test("a value beyond all reason is refused", async () => {
  await using child = await testCallback();
  expect(await reasonOf(child.set({ value: "x".repeat(17 * 1024) }))).toBe("TOO_LARGE");
});

test("it serves Set and nothing else: being managed gives no right to manage", async () => {
  await using child = await testCallback();
  using connection = connect(parseAddress(child.callback.address));
  expect(await reasonOf(connection.client(NodeServiceDefinition).describe({}))).toBe("NOT_IMPLEMENTED");
  expect(await reasonOf(connection.client(HealthDefinition).check({}))).toBe("NOT_IMPLEMENTED");
});

test("who waits gives up with its signal, and when the callback is closed", async () => {
  await using child = await testCallback();
  const controller = new AbortController();
  const cancelled = reasonOf(child.callback.value(KEY, controller.signal));
  controller.abort();
  expect(await cancelled).toBe("CANCELLED");
  const closed = reasonOf(child.callback.value(KEY));
  await child.callback[Symbol.asyncDispose]();
  expect(await closed).toBe("CANCELLED");
});

test("the answer arrives although the manager closes the callback at once, and nothing is left of it", async () => {
  await using child = await testCallback();
  const set = child.set({});
  await child.callback.value(KEY);
  await child.callback[Symbol.asyncDispose]();
  expect(await set).toEqual({});
  expect(await readdir(child.dir)).toEqual([]);
  expect(await reasonOf(child.set({}))).toBe("NODE_UNAVAILABLE");
});
