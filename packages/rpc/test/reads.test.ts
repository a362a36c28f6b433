import { once } from "node:events";
import { NodeError } from "@nodemanager/core";
import type { LogChunk, ObjectStatus } from "@nodemanager/manager";
import { WatchResponse_Kind as Kind, LogStream, ManagerUpdate_State, ObjectState } from "@nodemanager/proto/v1";
import { collect, failureOf, reasonOf } from "@nodemanager/testing";
import { envelopeFromMessage } from "@nodemanager/transport";
import { describe, expect, test, vi } from "vitest";
import { DESCRIPTION, ENVELOPE, MANAGER_STATUS } from "./memory-manager.ts";
import { testNode } from "./node.ts";

const at = new Date("2026-11-22T09:15:00.000Z");
const INSTANCE = {
  kind: "instance",
  name: "apps/shop/i/j",
  state: "running",
  version: "1.2.3",
  createdAt: at,
  rootDir: "/r/root",
  logsDir: "/r/logs",
} as const satisfies ObjectStatus;

describe("the node", () => {
  test("describes itself", async () => {
    await using node = await testNode();
    expect(await node.client.node.describe({})).toEqual(DESCRIPTION);
  });

  test("says what runs on it", async () => {
    await using node = await testNode();
    const { isRunnable } = node.client.node;
    expect(await isRunnable({ profiles: ["linux-amd64"] })).toEqual({ runnable: true, reason: "because" });
    const specification = { format: "ELF", os: "linux", arch: "arm64", libraries: [] };
    expect(await isRunnable({ specification })).toEqual({ runnable: false, reason: "because" });
    expect(JSON.parse(node.manager.calls[1]?.name ?? "")).toEqual({ profiles: [], specification });
    expect(await reasonOf(isRunnable({}))).toBe("INVALID_ARGUMENT");
  });

  test("says how its manager is", async () => {
    await using node = await testNode();
    const { residentBytes, ...rest } = MANAGER_STATUS;
    expect(await node.client.node.status({})).toEqual({
      ...rest,
      residentBytes: BigInt(residentBytes),
      lastUpdate: { ...rest.lastUpdate, state: ManagerUpdate_State.FELL_BACK },
    });
  });

  test("is healthy", async () => {
    await using node = await testNode();
    const service = "nodemanager.v1.ApplicationService";
    expect(await node.client.health.check({ service })).toEqual({ status: 1 });
  });
});

describe("objects", () => {
  test("are listed with all that is known of them", async () => {
    await using node = await testNode();
    const installation = {
      kind: "installation",
      name: "apps/shop/i",
      state: "installed",
      origin: "file:/r/shop",
      version: "1.2.3",
      previousVersion: "1.2.2",
      envelope: ENVELOPE,
      installedAt: at,
      user: "1001",
      instances: 2,
      running: 1,
    } as const;
    node.manager.objects = [
      { kind: "application", name: "apps/shop", installations: 1 },
      installation,
      { ...INSTANCE, pid: 17, startedAt: at },
      {
        ...INSTANCE,
        state: "suspended",
        suspension: { by: "exit", why: "it crashed", at },
        lastExit: { exit: { kind: "signal", signal: "SIGKILL" }, at, lastLines: "oh no" },
      },
      { kind: "broken", name: "apps/shop/k", error: "title: not JSON" },
    ];
    const objects = (await collect(node.client.applications.status({ glob: "apps/*" }))).map(({ object }) => object);
    expect(node.manager.calls).toMatchObject([{ method: "status", name: "apps/*" }]);
    const { createdAt, rootDir, logsDir, version } = INSTANCE;
    const common = { version, createdAt, rootDir, logsDir };
    expect(objects).toMatchObject([
      { name: "apps/shop", object: { $case: "application", value: { installations: 1 } } },
      {
        name: "apps/shop/i",
        state: ObjectState.INSTALLED,
        object: {
          $case: "installation",
          value: {
            origin: "file:/r/shop",
            version: "1.2.3",
            previousVersion: "1.2.2",
            installedAt: at,
            instances: 2,
            running: 1,
            user: "1001",
          },
        },
      },
      { state: ObjectState.RUNNING, object: { $case: "instance", value: { ...common, pid: 17, startedAt: at } } },
      {
        state: ObjectState.SUSPENDED,
        object: {
          $case: "instance",
          value: {
            ...common,
            pid: undefined,
            suspension: { by: "exit", why: "it crashed", at },
            lastExit: { how: { $case: "signal", value: "SIGKILL" }, at, lastLines: "oh no" },
          },
        },
      },
      { name: "apps/shop/k", state: ObjectState.BROKEN, object: undefined, error: "title: not JSON" },
    ]);
    const sent = objects[1]?.object;
    const envelope = sent?.$case === "installation" ? sent.value.envelope : undefined;
    expect(envelope && envelopeFromMessage(envelope, "the wire")).toEqual(ENVELOPE);
  });

  test.each([
    [
      { kind: "code", code: 0 },
      { $case: "code", value: 0 },
    ],
    [
      { kind: "code", code: 255 },
      { $case: "code", value: 255 },
    ],
    [{ kind: "unseen" }, { $case: "unseen", value: true }],
  ] as const)("end in the way they did: %j", async (exit, how) => {
    await using node = await testNode();
    node.manager.objects = [{ ...INSTANCE, lastExit: { exit, at, lastLines: "" } }];
    const [first] = await collect(node.client.applications.list({}));
    expect(first?.object?.object).toMatchObject({ value: { lastExit: { how } } });
    expect(node.manager.calls).toMatchObject([{ method: "list", name: "**" }]);
  });

  test.each(["suspended", "starting", "running", "suspending", "stopping", "stopped"] as const)(
    "are %s under the same name on the wire",
    async (state) => {
      await using node = await testNode();
      node.manager.objects = [{ ...INSTANCE, state }];
      const [first] = await collect(node.client.applications.list({}));
      const name = Object.entries(ObjectState).find(([, number]) => number === first?.object?.state)?.[0];
      expect(name?.toLowerCase()).toBe(state);
    },
  );

  test("that cannot be read fail with their reason", async () => {
    await using node = await testNode();
    node.manager.failure = new NodeError("INVALID_NAME", "a glob cannot end in a backslash");
    const { applications, node: service } = node.client;
    for (const call of [
      () => collect(applications.list({ glob: "\\" })),
      () => collect(applications.status({ glob: "\\" })),
      () => collect(applications.watch({ glob: "\\" })),
      () => collect(applications.readLogs({ name: "x" })),
      () => applications.debug({ name: "x" }),
      () => service.describe({}),
      () => service.status({}),
      () => service.isRunnable({ profiles: ["x"] }),
    ]) {
      expect(await reasonOf(call())).toBe("INVALID_NAME");
    }
    node.manager.failure = new Error("ENOENT /secret");
    expect((await failureOf(applications.debug({ name: "x" }))).message).not.toContain("secret");
  });

  test("are explained", async () => {
    await using node = await testNode();
    expect(await node.client.applications.debug({ name: "apps/shop" })).toEqual({ text: "about apps/shop" });
  });
});

test("a watch streams what is there, then every change, until its reader leaves", async () => {
  await using node = await testNode();
  const left = Promise.withResolvers<void>();
  node.manager.changes = async function* (signal) {
    try {
      yield { kind: "existing", object: INSTANCE };
      yield { kind: "synced" };
      yield { kind: "changed", object: { ...INSTANCE, state: "suspended" } };
      yield { kind: "removed", name: INSTANCE.name };
      if (signal) {
        await once(signal, "abort");
      }
    } finally {
      left.resolve();
    }
  };
  const seen = [];
  for await (const { kind, object } of node.client.applications.watch({ glob: "apps/**" })) {
    seen.push([kind, object?.name, object?.state]);
    if (kind === Kind.REMOVED) {
      break;
    }
  }
  expect(seen).toEqual([
    [Kind.EXISTING, INSTANCE.name, ObjectState.RUNNING],
    [Kind.SYNCED, undefined, undefined],
    [Kind.CHANGED, INSTANCE.name, ObjectState.SUSPENDED],
    [Kind.REMOVED, INSTANCE.name, ObjectState.UNSPECIFIED],
  ]);
  await left.promise;
});

describe("logs", () => {
  test("are read as asked", async () => {
    await using node = await testNode();
    node.manager.logs = async function* () {
      yield { stream: "stdout", data: Buffer.from("out\n") };
      yield { stream: "stderr", data: Uint8Array.of(0xff, 0) };
    };
    const request = { name: "x", stream: LogStream.STDERR, follow: true, tailLines: 0 };
    const chunks = await collect(node.client.applications.readLogs(request));
    expect(chunks.map(({ stream, data }) => [stream, [...data]])).toEqual([
      [LogStream.STDOUT, [...Buffer.from("out\n")]],
      [LogStream.STDERR, [0xff, 0]],
    ]);
    expect(node.manager.calls[0]).toMatchObject({
      name: "x",
      options: { stream: "stderr", follow: true, tailLines: 0 },
    });
    await collect(node.client.applications.readLogs({ name: "x" }));
    expect(node.manager.calls[1]?.options).toMatchObject({ stream: undefined, follow: false, tailLines: undefined });
    const unknown = { name: "x", stream: LogStream.UNRECOGNIZED };
    expect(await reasonOf(collect(node.client.applications.readLogs(unknown)))).toBe("INVALID_ARGUMENT");
  });

  test("are not read faster than they are taken", async () => {
    await using node = await testNode();
    const data = Buffer.alloc(64 * 1024);
    let readBytes = 0;
    const ended = Promise.withResolvers<void>();
    node.manager.logs = async function* (): AsyncGenerator<LogChunk> {
      try {
        for (;;) {
          readBytes += data.length;
          yield { stream: "stdout", data };
        }
      } finally {
        ended.resolve();
      }
    };
    const reader = node.client.applications.readLogs({ name: "x", follow: true })[Symbol.asyncIterator]();
    await reader.next();
    let before = -1;
    await vi.waitFor(
      () => {
        const stands = readBytes === before;
        before = readBytes;
        expect(stands).toBe(true);
      },
      { interval: 100, timeout: 10_000 },
    );
    expect(readBytes).toBeLessThan(16 * 1024 * 1024);
    await reader.return?.();
    await ended.promise;
  });
});
