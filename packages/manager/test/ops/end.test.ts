import { access } from "node:fs/promises";
import type { OperationEvent } from "@nodemanager/manager";
import { collect, reasonOf } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { isRunning, objectOf, TestNode } from "../support/test-node.ts";

function progressOf(events: readonly OperationEvent[]): string[] {
  return events.flatMap((event) => (event.kind === "progress" ? [`${event.phase} ${event.done}/${event.goal}`] : []));
}

test.concurrent("a suspended instance has the exit status of its process, and what it said last", async () => {
  await using node = await TestNode.open();
  const { instance } = await node.running({ mode: "steady" });
  await collect(node.manager.suspend(instance));
  expect(await node.instance(instance)).toMatchObject({
    state: "suspended",
    lastExit: { exit: { kind: "code", code: 0 }, lastLines: expect.stringMatching(/^steady \d+ \nbye$/) },
  });
});

test.concurrent("what an earlier process said last is not taken for what this one said", async () => {
  await using node = await TestNode.open();
  const { instance, pid } = await node.running({ mode: "steady" });
  process.kill(pid, "SIGUSR1");
  expect((await node.until(instance, "suspended")).lastExit?.lastLines).toBe("last words");
  await collect(node.manager.resume(instance));
  await collect(node.manager.suspend(instance));
  expect((await node.instance(instance)).lastExit?.lastLines).toMatch(/^steady \d+ \nbye$/);
});

test.concurrent("an instance whose process ends by itself is suspended with its status and last words", async () => {
  await using node = await TestNode.open();
  const { instance, pid } = await node.running({ mode: "steady" });
  process.kill(pid, "SIGUSR1");
  expect(await node.until(instance, "suspended")).toMatchObject({
    suspension: { by: "exit", why: "it exited with status 7" },
    lastExit: { exit: { kind: "code", code: 7 }, lastLines: "last words" },
  });
});

test.concurrent("whoever comes just when the process has ended by itself is answered after that was recorded", async () => {
  await using node = await TestNode.open();
  const { installation } = await node.running({ mode: "parent" });
  const exited = async () => {
    const instance = await node.start(installation);
    process.kill(await node.pid(instance), "SIGUSR1");
    // Its grandchild, which does not heed the signal, keeps it suspending for a while.
    await node.until(instance, "suspending");
    return instance;
  };
  const [suspended, resumed, stopped] = await Promise.all([exited(), exited(), exited()]);
  const suspend = reasonOf(collect(node.manager.suspend(suspended)));
  const resume = collect(node.manager.resume(resumed));
  await collect(node.manager.stop(stopped));
  expect(await suspend).toBe("INSTANCE_NOT_RUNNING");
  await resume;
  expect(await node.state(resumed)).toBe("running");
  expect(await node.names(`${installation}/*`)).not.toContain(stopped);
});

test.concurrent.each(["suspend", "stop"] as const)(
  "%s kills what does not heed the signal, at the deadline",
  async (verb) => {
    await using node = await TestNode.open();
    const { instance, pid } = await node.running({ mode: "deaf" });
    await collect(node.manager[verb](instance, { deadlineMs: 100 }));
    expect(isRunning(pid)).toBe(false);
  },
);

test.concurrent("a deadline of zero kills at once", async () => {
  await using node = await TestNode.open();
  const { instance } = await node.running({ mode: "steady" });
  await collect(node.manager.suspend(instance, { deadlineMs: 0 }));
  expect((await node.instance(instance)).lastExit?.exit).toEqual({ kind: "signal", signal: "SIGKILL" });
});

test.concurrent.each([
  ["suspend", false],
  ["suspend", true],
  ["stop", false],
  ["stop", true],
  ["kill", false],
  ["kill", true],
] as const)(
  "after %s nothing lives that the process had started (without control groups: %s)",
  async (verb, uncontained) => {
    await using node = await TestNode.open({ uncontained });
    const { instance, pid } = await node.running({ mode: "parent" });
    const grandchild = Number(await node.workspaceFile(instance, "grandchild"));
    expect(isRunning(grandchild)).toBe(true);
    if (verb === "kill") {
      process.kill(pid, "SIGKILL");
      await node.until(instance, "suspended");
    } else {
      await collect(node.manager[verb](instance));
    }
    expect(isRunning(grandchild)).toBe(false);
  },
);

test.concurrent("a suspend that is cancelled before the claim changes nothing", async () => {
  await using node = await TestNode.open();
  const { instance, pid } = await node.running({ mode: "steady" });
  const before = await node.instance(instance);
  expect(await reasonOf(collect(node.manager.suspend(instance, { signal: AbortSignal.abort() })))).toBe("CANCELLED");
  expect(await node.instance(instance)).toEqual(before);
  expect(isRunning(pid)).toBe(true);
});

test.concurrent.each(["suspend", "stop"] as const)(
  "a %s that is cancelled after the claim is followed through",
  async (verb) => {
    await using node = await TestNode.open();
    const { instance, pid } = await node.running({ mode: "deaf" });
    const abort = new AbortController();
    const end = collect(node.manager[verb](instance, { deadlineMs: 200, signal: abort.signal }));
    await node.until(instance, verb === "suspend" ? "suspending" : "stopping");
    abort.abort();
    await end;
    expect(isRunning(pid)).toBe(false);
  },
);

test.concurrent("a restart runs the same version as another process", async () => {
  await using node = await TestNode.open();
  const { instance, pid } = await node.running({ mode: "steady" });
  expect(await objectOf(node.manager.restart(instance))).toBe(instance);
  expect(isRunning(pid)).toBe(false);
  expect(await node.instance(instance)).toMatchObject({ state: "running", version: "1.0.0", suspension: undefined });
});

test.concurrent("a restart that is cancelled past its commit runs the application again", async () => {
  await using node = await TestNode.open();
  const { instance, pid } = await node.running({ mode: "deaf" });
  const abort = new AbortController();
  const restart = collect(node.manager.restart(instance, { deadlineMs: 100, signal: abort.signal }));
  await node.until(instance, "suspending");
  abort.abort();
  await restart;
  expect(await node.state(instance)).toBe("running");
  expect(await node.pid(instance)).not.toBe(pid);
});

test.concurrent("an application with an app cycle stops in order and tells how far it is", async () => {
  await using node = await TestNode.open();
  const { instance } = await node.running({ title: "cycle", appCycle: "orderly" });
  const events = await collect(node.manager.suspend(instance));
  expect(progressOf(events).at(-1)).toBe("stopping 3/3");
  expect(await node.instance(instance)).toMatchObject({ lastExit: { exit: { kind: "code", code: 0 } } });
  expect(await node.workspaceFile(instance, "ended")).toBe("in order");
});

test.concurrent.each([
  ["lingers", undefined, "SIGTERM"],
  ["break-off", undefined, "SIGTERM"],
  ["never-done", 150, "SIGKILL"],
] as const)("an application whose app cycle %s is ended all the same", async (mode, deadlineMs, signal) => {
  await using node = await TestNode.open();
  const { instance } = await node.running({ title: mode, appCycle: mode });
  await collect(node.manager.suspend(instance, { deadlineMs }));
  expect((await node.instance(instance)).lastExit?.exit).toEqual({ kind: "signal", signal });
});

test.concurrent("no socket of a process that was killed is left", async () => {
  await using node = await TestNode.open();
  const { instance } = await node.running({ title: "stuck", appCycle: "never-done" });
  const before = (await node.listing()).filter((line) => line.startsWith("run/"));
  expect(before).toEqual([expect.stringMatching(/^run\/s-\w+ /), expect.stringMatching(/^run\/s-\w+\/ac /)]);
  await collect(node.manager.suspend(instance, { deadlineMs: 0 }));
  expect((await node.listing()).filter((line) => line.startsWith("run/"))).toEqual([]);
});

test.concurrent("what does not run cannot be suspended or restarted", async () => {
  await using node = await TestNode.open();
  const { instance } = await node.running({ mode: "steady" });
  await collect(node.manager.suspend(instance));
  const before = await node.instance(instance);
  expect(await reasonOf(collect(node.manager.suspend(instance)))).toBe("INSTANCE_NOT_RUNNING");
  expect(await reasonOf(collect(node.manager.restart(instance)))).toBe("INSTANCE_NOT_RUNNING");
  expect(await node.instance(instance)).toEqual(before);
});

test.concurrent("a suspended instance is stopped, and one that was stopped is not found", async () => {
  await using node = await TestNode.open();
  const { instance } = await node.running({ mode: "steady" });
  const { rootDir } = await node.instance(instance);
  await collect(node.manager.suspend(instance));
  await collect(node.manager.stop(instance));
  await expect(access(rootDir)).rejects.toThrow();
  for (const verb of ["stop", "suspend", "resume", "restart", "refresh"] as const) {
    const ends = await collect(node.manager[verb](instance)).catch((error) => [error]);
    expect([verb, ends.at(-1)]).toMatchObject([
      verb,
      verb === "refresh" ? { note: "stopped" } : { reason: "INSTANCE_NOT_FOUND" },
    ]);
  }
});

test.concurrent("a suspend that cannot be written down leaves the instance running; it works when there is space", async () => {
  await using node = await TestNode.open();
  const { instance, pid } = await node.running({ mode: "steady" });
  node.fillDisk(true);
  expect(await reasonOf(collect(node.manager.suspend(instance)))).toBe("DISK_FULL");
  expect(await node.instance(instance)).toMatchObject({ state: "running", pid });
  expect(await reasonOf(collect(node.manager.resume(instance)))).toBe("INSTANCE_RUNNING");
  node.fillDisk(false);
  await collect(node.manager.suspend(instance));
  expect(await node.state(instance)).toBe("suspended");
});
