import { collect, reasonOf } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { publication } from "./support/applications.ts";
import { objectOf, TestNode } from "./support/test-node.ts";

test.concurrent("an installation and a start have their effect once, also with a manager in between", async () => {
  await using node = await TestNode.open();
  const origin = await publication({ mode: "steady" });
  const installation = await objectOf(node.manager.install(origin, { requestId: "install" }));
  const instance = await node.start(installation, "start");
  expect(await objectOf(node.manager.install(origin, { requestId: "install" }))).toBe(installation);
  await node.shutdown();
  await node.reopen();
  expect(await objectOf(node.manager.install(origin, { requestId: "install" }))).toBe(installation);
  expect(await node.start(installation, "start")).toBe(instance);
  expect(await node.names("**")).toEqual(["apps/steady", installation, instance]);
  const other = await publication({ mode: "settled" });
  expect(await reasonOf(collect(node.manager.install(other, { requestId: "install" })))).toBe("INVALID_ARGUMENT");
});

test.concurrent("a start is not made again when its instance was stopped meanwhile", async () => {
  await using node = await TestNode.open();
  const installation = await node.install({ mode: "steady" });
  const instance = await node.start(installation, "start");
  await collect(node.manager.stop(instance, { requestId: "stop" }));
  await node.shutdown();
  await node.reopen();
  expect(await node.start(installation, "start")).toBe(instance);
  expect(await node.names(`${installation}/*`)).toEqual([]);
  expect(await objectOf(node.manager.stop(instance, { requestId: "stop" }))).toBe(instance);
  expect(await reasonOf(collect(node.manager.stop(instance, { requestId: "another" })))).toBe("INSTANCE_NOT_FOUND");
});

test.concurrent("a start that failed is made again with the instance that it made", async () => {
  await using node = await TestNode.open();
  const installation = await node.install({ mode: "failing" });
  const failing = () => reasonOf(collect(node.manager.start(installation, { requestId: "start" })));
  expect(await failing()).toBe("CHILD_EXITED");
  const names = await node.names(`${installation}/*`);
  await node.shutdown();
  await node.reopen();
  expect(await failing()).toBe("CHILD_EXITED");
  expect(await node.names(`${installation}/*`)).toEqual(names);
});

test.concurrent("a start whose manager died in the middle is made again with the instance that it made", async () => {
  await using node = await TestNode.open();
  const installation = await node.install({ mode: "gated" });
  void collect(node.manager.start(installation, { requestId: "start" }));
  const instance = await node.firstInstance(installation);
  await node.until(instance, "starting");
  await node.crash();
  await node.reopen();
  expect(await node.instance(instance)).toMatchObject({ state: "suspended", suspension: { by: "manager" } });
  const start = node.start(installation, "start");
  await node.until(instance, "starting");
  await node.writeToWorkspace(instance, "go");
  expect(await start).toBe(instance);
});

test.concurrent("suspend, resume, restart and uninstall have their effect once, also with a manager in between", async () => {
  await using node = await TestNode.open({ policy: "leave" });
  const { installation, instance, pid } = await node.running({ mode: "steady" });
  const again = async () => {
    await node.shutdown();
    await node.reopen();
  };
  await collect(node.manager.suspend(instance, { requestId: "suspend" }));
  await again();
  expect(await objectOf(node.manager.suspend(instance, { requestId: "suspend" }))).toBe(instance);
  await collect(node.manager.resume(instance, { requestId: "resume" }));
  const resumed = await node.pid(instance);
  await again();
  expect(await objectOf(node.manager.resume(instance, { requestId: "resume" }))).toBe(instance);
  expect(await node.pid(instance)).toBe(resumed);
  await collect(node.manager.restart(instance, { requestId: "restart" }));
  const restarted = await node.pid(instance);
  await again();
  expect(await objectOf(node.manager.restart(instance, { requestId: "restart" }))).toBe(instance);
  expect(await node.pid(instance)).toBe(restarted);
  expect(new Set([pid, resumed, restarted]).size).toBe(3);
  await collect(node.manager.uninstall(installation, { requestId: "uninstall" }));
  await again();
  expect(await objectOf(node.manager.uninstall(installation, { requestId: "uninstall" }))).toBe(installation);
  const another = node.manager.uninstall(installation, { requestId: "another" });
  expect(await reasonOf(collect(another))).toBe("INSTALLATION_NOT_FOUND");
});
