import { once } from "node:events";
import { hasReason, NodeError } from "@nodemanager/core";
import type { ObjectEvent } from "@nodemanager/proto/v1";
import type { NodeClient } from "@nodemanager/rpc/client";
import { collect, failureOf, reasonOf } from "@nodemanager/testing";
import { decodeStatus, packageMessages } from "@nodemanager/transport";
import { describe, expect, test } from "vitest";
import { fail, NOT_THERE } from "./memory-manager.ts";
import { testNode } from "./node.ts";

const NAME = "apps/shop/aaaaaaaaaaaaaaaaaaaaaaaaaa/bbbbbbbbbbbbbbbbbbbbbbbbbb";
const deadline = { seconds: 1n, nanos: 500_000_000 };
const requestId = "request 7";

type Options = { signal?: AbortSignal; timeoutMs?: number };
type Events = AsyncIterable<{ readonly event: ObjectEvent | undefined }>;

const PACKAGES = { data: { sha256: "0".repeat(64), sizeBytes: 7, format: "tar.gz" } } as const;
const PACKAGE_MESSAGES = packageMessages(PACKAGES);

/** Each operation as a client calls it, and the name and options that must reach the manager. */
const OPERATIONS: readonly [
  method: string,
  call: (client: NodeClient, options?: Options) => Events,
  name: string,
  options: Readonly<Record<string, unknown>>,
][] = [
  [
    "install",
    ({ applications }, o) =>
      applications.install(
        {
          origin: "file:/r/shop@1.2.3",
          env: { A: "b" },
          args: ["-v"],
          packages: PACKAGE_MESSAGES,
          user: "www-data",
          sameUser: true,
          requestId,
        },
        o,
      ),
    "file:/r/shop@1.2.3",
    { requestId, env: { A: "b" }, args: ["-v"], packages: PACKAGES, user: "www-data", sameUser: true },
  ],
  ["start", ({ applications }, o) => applications.start({ name: NAME, requestId }, o), NAME, { requestId }],
  [
    "suspend",
    ({ applications }, o) => applications.suspend({ name: NAME, deadline, requestId }, o),
    NAME,
    { requestId, deadlineMs: 1500 },
  ],
  ["resume", ({ applications }, o) => applications.resume({ name: NAME, requestId }, o), NAME, { requestId }],
  [
    "restart",
    ({ applications }, o) => applications.restart({ name: NAME, deadline, requestId }, o),
    NAME,
    { requestId, deadlineMs: 1500 },
  ],
  ["refresh", ({ applications }, o) => applications.refresh({ name: NAME }, o), NAME, {}],
  [
    "stop",
    ({ applications }, o) => applications.stop({ name: NAME, deadline, requestId }, o),
    NAME,
    { requestId, deadlineMs: 1500 },
  ],
  [
    "uninstall",
    ({ applications }, o) => applications.uninstall({ name: NAME, deadline, requestId }, o),
    NAME,
    { requestId, deadlineMs: 1500 },
  ],
  [
    "update",
    ({ applications }, o) =>
      applications.update({ name: NAME, restart: true, dryRun: true, version: "1.2.3", deadline, requestId }, o),
    NAME,
    { requestId, restart: true, dryRun: true, version: "1.2.3", deadlineMs: 1500 },
  ],
  [
    "updateTo",
    ({ applications }, o) =>
      applications.updateTo({ name: NAME, origin: "file:/r/x", restart: true, deadline, requestId }, o),
    NAME,
    { requestId, origin: "file:/r/x", restart: true, dryRun: false, deadlineMs: 1500 },
  ],
  [
    "revert",
    ({ applications }, o) => applications.revert({ name: NAME, restart: true, deadline, requestId }, o),
    NAME,
    { requestId, restart: true, deadlineMs: 1500 },
  ],
  ["reset", ({ node }, o) => node.reset({ deadline, requestId }, o), "", { requestId, deadlineMs: 1500 }],
  ["updateManager", ({ node }, o) => node.update({ requestId }, o), "", { requestId }],
  ["revertManager", ({ node }, o) => node.revert({ requestId }, o), "", { requestId }],
  ["shutdown", ({ node }, o) => node.shutdown({ deadline }, o), "", { deadlineMs: 1500 }],
];

describe.each(["unix", "mutual TLS"] as const)("over %s", (network) => {
  test.each(OPERATIONS)("%s reaches the manager with its options and streams its events", async (...operation) => {
    const [method, call, name, options] = operation;
    await using node = await testNode(network);
    const events = await collect(call(node.client));
    expect(events.map(({ event }) => event)).toEqual([
      { name, event: { $case: "progress", value: { phase: "working", done: 1n, goal: 2n, unit: "tasks" } } },
      { name, event: { $case: "outcome", value: { name: `${name}/made`, note: "", changes: [] } } },
    ]);
    expect(node.manager.calls).toEqual([{ method, name, options: { signal: expect.any(AbortSignal), ...options } }]);
  });

  test.each(OPERATIONS)("%s fails with the manager's reason", async (_method, call) => {
    await using node = await testNode(network);
    for (const error of [
      NOT_THERE,
      new NodeError("OPERATION_IN_PROGRESS", "busy"),
      new NodeError("CHILD_EXITED", "it exited", { metadata: { status: "exited with status 1", lastLines: "a\nb" } }),
      new NodeError("DISK_FULL", "full"),
    ]) {
      node.manager.operation = fail(error);
      const failure = await failureOf(collect(call(node.client)));
      const { reason, message, metadata } = error;
      expect(failure).toMatchObject({ reason, message, metadata });
    }
    node.manager.operation = fail(new Error("EACCES: permission denied, open '/root/secret'"));
    const failure = await failureOf(collect(call(node.client)));
    expect(failure.reason).toBe("INTERNAL");
    expect(failure.message).not.toMatch(/secret|EACCES/);
  });

  test.each(OPERATIONS)("%s ends when its caller cancels, or its deadline comes", async (_method, call) => {
    await using node = await testNode(network);
    const seen: AbortSignal[] = [];
    node.manager.operation = async function* (name, { signal }) {
      if (signal) {
        seen.push(signal);
        yield { kind: "progress", name, phase: "waiting", done: 0, goal: 0, unit: "" };
        await once(signal, "abort");
        throw new NodeError("CANCELLED", "the operation was cancelled");
      }
    };
    const controller = new AbortController();
    const cancelled = async () => {
      for await (const _ of call(node.client, { signal: controller.signal })) {
        controller.abort();
      }
    };
    expect(await reasonOf(cancelled())).toBe("CANCELLED");
    expect(await reasonOf(collect(call(node.client, { timeoutMs: 50 })))).toBe("DEADLINE_EXCEEDED");
    for await (const _ of call(node.client)) {
      break;
    }
    expect(seen).toHaveLength(3);
    await Promise.all(seen.map((signal) => signal.aborted || once(signal, "abort")));
  });
});

test("a batch answers for each object, errors with their reasons included", async () => {
  await using node = await testNode();
  node.manager.operation = async function* () {
    yield { kind: "outcome", name: "apps/a/1", object: "apps/a/1", note: "as you wished" };
    yield { kind: "error", name: "apps/a/2", error: NOT_THERE };
    yield { kind: "progress", name: "apps/a/3", phase: "x", done: Number.NaN, goal: -1, unit: "" };
  };
  const events = await collect(node.client.applications.stop({ name: "apps" }));
  expect(events[0]?.event?.event).toEqual({
    $case: "outcome",
    value: { name: "apps/a/1", note: "as you wished", changes: [] },
  });
  const error = events[1]?.event?.event;
  expect(error?.$case === "error" && hasReason(decodeStatus(error.value), "INSTANCE_NOT_FOUND")).toBe(true);
  expect(events[2]?.event?.event).toMatchObject({ value: { done: 0n, goal: 0n } });
});

test("what a request leaves out is not there for the manager either", async () => {
  await using node = await testNode();
  await collect(node.client.applications.stop({ name: NAME }));
  const options = node.manager.calls[0]?.options;
  expect(options?.requestId).toBeUndefined();
  expect(options?.deadlineMs).toBeUndefined();
});

test("an impossible deadline and an endless request id are refused before the manager is asked", async () => {
  await using node = await testNode();
  const { applications } = node.client;
  const negative = { seconds: -1n, nanos: 0 };
  expect(await reasonOf(collect(applications.stop({ name: NAME, deadline: negative })))).toBe("INVALID_ARGUMENT");
  const endless = "x".repeat(129);
  expect(await reasonOf(collect(applications.start({ name: NAME, requestId: endless })))).toBe("INVALID_ARGUMENT");
  expect(node.manager.calls).toEqual([]);
});

test("tidy reaches the manager, and answers with what it removed", async () => {
  await using node = await testNode();
  const { applications } = node.client;
  expect(await applications.tidy({ dryRun: true, olderThan: deadline })).toMatchObject({
    removed: ["version 1.0.0 of apps/shop/x, 7 bytes"],
    freedBytes: 2n ** 33n,
  });
  expect(node.manager.calls).toMatchObject([{ method: "tidy", options: { dryRun: true, olderThanMs: 1500 } }]);
});

test("what an update changes is in its outcome", async () => {
  await using node = await testNode();
  const changes = [{ field: "version", from: "1.0.0", to: "2.0.0" }];
  node.manager.operation = async function* (name) {
    yield { kind: "outcome", name, object: name, note: "", changes };
  };
  const [event] = await collect(node.client.applications.update({ name: NAME }));
  expect(event?.event?.event).toMatchObject({ $case: "outcome", value: { changes } });
});

test("an update without a version asks for none", async () => {
  await using node = await testNode();
  await collect(node.client.applications.update({ name: NAME }));
  expect(node.manager.calls[0]?.options.version).toBeUndefined();
});
