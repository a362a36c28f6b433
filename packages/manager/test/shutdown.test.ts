import { collect, failureOf, reasonOf } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { publication } from "./support/applications.ts";
import { endsOf, isRunning, TestNode } from "./support/test-node.ts";

test.concurrent("policy suspend: what runs is suspended and runs again at the next opening; what was suspended stays so", async () => {
  await using node = await TestNode.open();
  const { installation, instance, pid } = await node.running({ mode: "steady" });
  const suspended = await node.start(installation);
  await collect(node.manager.suspend(suspended));
  const events = await node.shutdown();
  expect(events.filter((event) => event.kind === "outcome").map((event) => event.object)).toEqual([instance]);
  expect(isRunning(pid)).toBe(false);
  await node.reopen();
  expect(await node.state(instance)).toBe("running");
  expect(await node.instance(suspended)).toMatchObject({ state: "suspended", suspension: { by: "operator" } });
});

test.concurrent("policy leave: what runs goes on and is found again", async () => {
  await using node = await TestNode.open({ policy: "leave" });
  const { instance, pid } = await node.running({ mode: "steady" });
  expect(await node.shutdown()).toEqual([]);
  expect(isRunning(pid)).toBe(true);
  await node.reopen();
  expect(await node.instance(instance)).toMatchObject({ state: "running", pid });
});

test.concurrent("what ended by itself stays suspended over a shutdown", async () => {
  await using node = await TestNode.open();
  const { instance, pid } = await node.running({ mode: "steady" });
  process.kill(pid, "SIGUSR1");
  await node.until(instance, "suspended");
  await node.shutdown();
  await node.reopen();
  expect(await node.instance(instance)).toMatchObject({
    state: "suspended",
    suspension: { by: "exit" },
    lastExit: { exit: { kind: "code", code: 7 } },
  });
});

test.concurrent("a shutdown interrupts what starts, which leaves nothing, and waits for what ends", async () => {
  await using node = await TestNode.open();
  const never = await node.install({ mode: "never" });
  const start = reasonOf(collect(node.manager.start(never)));
  const { pid: starting = 0 } = await node.until(await node.firstInstance(never), "starting");
  const { instance, pid } = await node.running({ mode: "deaf" });
  const stop = endsOf(node.manager.stop(instance, { deadlineMs: 300 }));
  await node.until(instance, "stopping");
  await node.shutdown();
  expect(await start).toBe("SHUTTING_DOWN");
  expect(await stop).toEqual({ [instance]: "outcome" });
  expect([starting, pid].filter(isRunning)).toEqual([]);
  await node.reopen();
  expect(await node.names("apps/*/*/*")).toEqual([]);
});

test.concurrent("a shutdown interrupts a resume, and the instance is as it was", async () => {
  await using node = await TestNode.open();
  const installation = await node.install({ mode: "never" });
  const start = reasonOf(collect(node.manager.start(installation)));
  const instance = await node.firstInstance(installation);
  await node.until(instance, "starting");
  await collect(node.manager.suspend(instance));
  await start;
  const resume = failureOf(collect(node.manager.resume(instance)));
  await node.until(instance, "starting");
  await node.shutdown();
  expect((await resume).reason).toBe("SHUTTING_DOWN");
  await node.reopen();
  expect(await node.instance(instance)).toMatchObject({ state: "suspended", suspension: { by: "operator" } });
});

test.concurrent("a restart that a shutdown interrupts is done by the next start-up", async () => {
  await using node = await TestNode.open();
  const { instance } = await node.running({ mode: "deaf" });
  const restart = reasonOf(collect(node.manager.restart(instance, { deadlineMs: 200 })));
  await node.until(instance, "suspending");
  await node.shutdown();
  expect(await restart).toBe("SHUTTING_DOWN");
  await node.reopen();
  expect(await node.state(instance)).toBe("running");
});

test.concurrent("nothing begins after a shutdown has", async () => {
  await using node = await TestNode.open();
  const { installation, instance } = await node.running({ mode: "deaf" });
  const { manager } = node;
  const origin = await publication({ mode: "steady" });
  const shutdown = collect(manager.shutdown({ deadlineMs: 200 }));
  const calls = {
    install: manager.install(origin),
    start: manager.start(installation),
    suspend: manager.suspend(instance),
    resume: manager.resume(instance),
    restart: manager.restart(instance),
    refresh: manager.refresh(instance),
    stop: manager.stop(instance),
    uninstall: manager.uninstall(installation),
    reset: manager.reset(),
    shutdown: manager.shutdown(),
  };
  for (const [verb, call] of Object.entries(calls)) {
    expect([verb, await reasonOf(collect(call))]).toEqual([verb, "SHUTTING_DOWN"]);
  }
  await shutdown;
  await manager.closed;
  expect(await reasonOf(collect(manager.start(installation)))).toBe("SHUTTING_DOWN");
  await node.reopen();
});

test.concurrent("a shutdown goes on when its caller leaves", async () => {
  await using node = await TestNode.open();
  const { pid } = await node.running({ mode: "deaf" });
  for await (const _ of node.manager.shutdown({ deadlineMs: 100 })) {
    break;
  }
  await node.manager.closed;
  expect(isRunning(pid)).toBe(false);
  // The root is free again.
  await node.reopen();
});

test.concurrent("a shutdown ends what an earlier manager had left and recovery did not get to", async () => {
  await using node = await TestNode.open();
  const { installation } = await node.running({ mode: "steady" });
  for (let i = 0; i < 9; i++) {
    await node.start(installation);
  }
  const pids = await Promise.all((await node.names(`${installation}/*`)).map((name) => node.pid(name)));
  await node.crash();
  await node.reopen({ wait: false });
  await node.shutdown();
  expect(pids.filter(isRunning)).toEqual([]);
  await node.reopen();
  const states = await Promise.all((await node.names(`${installation}/*`)).map((name) => node.state(name)));
  expect(new Set(states)).toEqual(new Set(["running"]));
});

test.concurrent("watchers end with the manager", async () => {
  await using node = await TestNode.open();
  const watch = collect(node.manager.watch("**"));
  await node.shutdown();
  expect((await watch).at(-1)).toEqual({ kind: "synced" });
  await node.reopen();
});
