import { rm } from "node:fs/promises";
import { collect, failureOf, reasonOf } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { isRunning, objectOf, TestNode } from "../support/test-node.ts";

test.concurrent("an instance is starting until it is ready", async () => {
  await using node = await TestNode.open();
  const installation = await node.install({ mode: "gated" });
  const start = objectOf(node.manager.start(installation));
  const instance = await node.firstInstance(installation);
  const { pid } = await node.until(instance, "starting");
  await node.writeToWorkspace(instance, "go");
  expect(await start).toBe(instance);
  expect(await node.instance(instance)).toMatchObject({ state: "running", pid, suspension: undefined });
});

test.concurrent("an application that fails is reported with its status and what it said, and is there with both", async () => {
  await using node = await TestNode.open();
  const installation = await node.install({ mode: "failing" });
  const failure = await failureOf(collect(node.manager.start(installation)));
  expect(failure.reason).toBe("CHILD_EXITED");
  const [instance = ""] = await node.names(`${installation}/*`);
  expect(failure.metadata).toMatchObject({ instance, code: "3", lastLines: "cannot do it" });
  expect(await node.instance(instance)).toMatchObject({
    state: "suspended",
    suspension: { by: "manager" },
    lastExit: { exit: { kind: "code", code: 3 }, lastLines: "cannot do it" },
  });
});

test.concurrent("an application that does not become ready in time is ended", async () => {
  await using node = await TestNode.open();
  const installation = await node.install({ mode: "never", readiness: { kind: "fd", timeoutMs: 50 } });
  const start = failureOf(collect(node.manager.start(installation)));
  const instance = await node.firstInstance(installation);
  expect((await start).reason).toBe("CHILD_NOT_READY");
  expect(await node.instance(instance)).toMatchObject({
    state: "suspended",
    suspension: { by: "manager" },
    lastExit: { exit: { kind: "signal", signal: "SIGTERM" } },
  });
});

test.concurrent("a cancelled start leaves no instance and no process", async () => {
  await using node = await TestNode.open();
  const installation = await node.install({ mode: "never" });
  const before = await node.listing();
  const abort = new AbortController();
  const start = reasonOf(collect(node.manager.start(installation, { signal: abort.signal })));
  const instance = await node.firstInstance(installation);
  const { pid = 0 } = await node.until(instance, "starting");
  expect(isRunning(pid)).toBe(true);
  abort.abort(new Error("nobody wants it"));
  expect(await start).toBe("CANCELLED");
  expect(isRunning(pid)).toBe(false);
  expect(await node.listing()).toEqual(before);
});

test.concurrent("a start whose caller goes away leaves no instance and no process", async () => {
  await using node = await TestNode.open();
  const installation = await node.install({ mode: "never" });
  const before = await node.listing();
  const left = new AbortController();
  for await (const _ of node.manager.start(installation, { signal: left.signal })) {
    break;
  }
  await node.shutdown();
  const listing = await node.listing();
  expect(listing.filter((line) => !line.startsWith("lock"))).toEqual(before.filter((line) => !line.startsWith("lock")));
});

test.concurrent("a cancelled resume leaves the instance suspended as it was", async () => {
  await using node = await TestNode.open();
  const { instance } = await suspendedGated(node);
  const before = await node.instance(instance);
  const abort = new AbortController();
  const resume = reasonOf(collect(node.manager.resume(instance, { signal: abort.signal })));
  const { pid = 0 } = await node.until(instance, "starting");
  abort.abort();
  expect(await resume).toBe("CANCELLED");
  expect(isRunning(pid)).toBe(false);
  const { lastExit: _now, ...after } = await node.instance(instance);
  const { lastExit: _then, ...then } = before;
  expect(after).toEqual(then);
});

test.concurrent.each([
  ["stop", "never"],
  ["stop", "deaf-never"],
  ["suspend", "never"],
] as const)("%s of a starting instance (%s) ends its start at once", async (verb, mode) => {
  await using node = await TestNode.open();
  const installation = await node.install({ mode });
  const start = reasonOf(collect(node.manager.start(installation)));
  const instance = await node.firstInstance(installation);
  const { pid = 0 } = await node.until(instance, "starting");
  if (mode === "deaf-never") {
    await expect.poll(() => node.workspaceFile(instance, "deaf"), { interval: 5 }).not.toBe("");
  }
  const end = collect(node.manager[verb](instance, { deadlineMs: 1000 }));
  expect(await start).toBe("OPERATION_IN_PROGRESS");
  if (mode === "deaf-never") {
    expect(isRunning(pid)).toBe(true);
  }
  await end;
  expect(isRunning(pid)).toBe(false);
  expect(await node.names(`${installation}/*`)).toEqual(verb === "stop" ? [] : [instance]);
});

test.concurrent("a running instance cannot be resumed, an unknown one is not found, a stopped one neither", async () => {
  await using node = await TestNode.open();
  const { instance } = await node.running({ mode: "steady" });
  expect(await reasonOf(collect(node.manager.resume(instance)))).toBe("INSTANCE_RUNNING");
  const unknown = `${instance.slice(0, -26)}${"a".repeat(26)}`;
  expect(await reasonOf(collect(node.manager.resume(unknown)))).toBe("INSTANCE_NOT_FOUND");
  await collect(node.manager.stop(instance));
  expect(await reasonOf(collect(node.manager.resume(instance)))).toBe("INSTANCE_NOT_FOUND");
});

test.concurrent("an instance that is being ended cannot be resumed", async () => {
  await using node = await TestNode.open();
  const { instance } = await node.running({ mode: "deaf" });
  const suspend = collect(node.manager.suspend(instance, { deadlineMs: 300 }));
  await node.until(instance, "suspending");
  expect(await reasonOf(collect(node.manager.resume(instance)))).toBe("OPERATION_IN_PROGRESS");
  await suspend;
});

test.concurrent("an application with an app cycle names it, or is not ready", async () => {
  await using node = await TestNode.open();
  const { instance } = await node.running({ title: "cycle", appCycle: "orderly" });
  expect(await node.state(instance)).toBe("running");
  const nameless = await node.install({
    title: "nameless",
    appCycle: "nameless",
    readiness: { kind: "appcycle", timeoutMs: 300 },
  });
  expect(await reasonOf(collect(node.manager.start(nameless)))).toBe("CHILD_NOT_READY");
});

test.concurrent.each([
  ["CHILD_REPORTED_FAILURE", { title: "failed", appCycle: "failed" }],
  ["CHILD_PROTOCOL_ERROR", { title: "garbled", appCycle: "garbled" }],
  ["CHILD_EXITED", { title: "uninterpreted", binary: Buffer.from("#!/nowhere/sh\n") }],
] as const)("%s ends the start, leaves no process, and is there as the reason", async (reason, application) => {
  await using node = await TestNode.open();
  const installation = await node.install(application);
  const failure = await failureOf(collect(node.manager.start(installation)));
  expect(failure.reason).toBe(reason);
  const [instance = ""] = await node.names(`${installation}/*`);
  expect(await node.instance(instance)).toMatchObject({
    state: "suspended",
    suspension: { by: "manager" },
    pid: undefined,
  });
  await collect(node.manager.stop(instance));
});

test.concurrent("an instance whose workspace is gone does not start, and stays suspended", async () => {
  await using node = await TestNode.open();
  const { instance } = await node.running({ mode: "steady" });
  await collect(node.manager.suspend(instance));
  const before = await node.instance(instance);
  await rm(before.rootDir, { recursive: true });
  expect(await reasonOf(collect(node.manager.resume(instance)))).toBe("SPAWN_FAILED");
  expect(await node.instance(instance)).toMatchObject({
    state: "suspended",
    suspension: { by: "manager", why: expect.stringContaining(before.rootDir) },
    lastExit: before.lastExit,
  });
});

async function suspendedGated(node: TestNode): Promise<{ instance: string }> {
  const installation = await node.install({ mode: "never" });
  const start = reasonOf(collect(node.manager.start(installation)));
  const instance = await node.firstInstance(installation);
  await node.until(instance, "starting");
  await collect(node.manager.suspend(instance));
  expect(await start).toBe("OPERATION_IN_PROGRESS");
  return { instance };
}
