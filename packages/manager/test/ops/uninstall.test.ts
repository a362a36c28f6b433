import { execFile } from "node:child_process";
import { readdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { collect, reasonOf } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { publication } from "../support/applications.ts";
import { endsOf, isRunning, objectOf, TestNode } from "../support/test-node.ts";

test.concurrent("an uninstall ends the instances first, and tells how far it is", async () => {
  await using node = await TestNode.open();
  const { installation, pid, instance } = await node.running({ mode: "steady" });
  const other = await node.pid(await node.start(installation));
  await collect(node.manager.suspend(instance));
  expect(await objectOf(node.manager.uninstall(installation))).toBe(installation);
  expect([pid, other].filter(isRunning)).toEqual([]);
  expect(await node.names("**")).toEqual([]);
});

test.concurrent("an uninstall kills what does not heed the signal, at the deadline", async () => {
  await using node = await TestNode.open();
  const { installation, pid } = await node.running({ mode: "deaf" });
  await collect(node.manager.uninstall(installation, { deadlineMs: 100 }));
  expect(isRunning(pid)).toBe(false);
});

test.concurrent("nothing starts in an installation that is being uninstalled, and what starts is ended", async () => {
  await using node = await TestNode.open();
  const { installation } = await node.running({ mode: "deaf" });
  const uninstall = collect(node.manager.uninstall(installation, { deadlineMs: 300 }));
  await node.until(installation, (object) => object.kind === "installation" && object.state === "uninstalling");
  expect(await reasonOf(collect(node.manager.start(installation)))).toBe("INSTALLATION_UNINSTALLED");
  expect(await reasonOf(collect(node.manager.uninstall(installation)))).toBe("INSTALLATION_UNINSTALLED");
  await uninstall;
  expect(await reasonOf(collect(node.manager.uninstall(installation)))).toBe("INSTALLATION_NOT_FOUND");
});

test.concurrent("an instance that is being stopped by somebody else is waited for", async () => {
  await using node = await TestNode.open();
  const { installation, instance, pid } = await node.running({ mode: "deaf" });
  const stop = collect(node.manager.stop(instance, { deadlineMs: 200 }));
  await node.until(instance, "stopping");
  await collect(node.manager.uninstall(installation));
  expect(isRunning(pid)).toBe(false);
  await stop;
});

test.concurrent("what is starting when its installation goes is ended", async () => {
  await using node = await TestNode.open();
  const installation = await node.install({ mode: "never" });
  const start = reasonOf(collect(node.manager.start(installation)));
  const { pid = 0 } = await node.until(await node.firstInstance(installation), "starting");
  await collect(node.manager.uninstall(installation));
  expect(await start).toBe("OPERATION_IN_PROGRESS");
  expect(isRunning(pid)).toBe(false);
});

test.concurrent("a reset brings the root back to how it was, and can be made again", async () => {
  await using node = await TestNode.open();
  const asNew = (await node.listing()).map(withoutSize);
  const { pid } = await node.running({ mode: "deaf" });
  const never = await node.install({ mode: "never" });
  const start = reasonOf(collect(node.manager.start(never)));
  await node.until(await node.firstInstance(never), "starting");
  const ends = await endsOf(node.manager.reset({ deadlineMs: 100 }));
  expect(Object.values(ends)).toEqual(["outcome", "outcome"]);
  expect(await start).toBe("OPERATION_IN_PROGRESS");
  expect(isRunning(pid)).toBe(false);
  expect((await node.listing()).map(withoutSize)).toEqual(asNew);
  expect(await endsOf(node.manager.reset())).toEqual({});
  expect((await node.listing()).map(withoutSize)).toEqual(asNew);
});

test.concurrent("nothing begins during a reset, and everything after it", async () => {
  await using node = await TestNode.open();
  const { installation } = await node.running({ mode: "deaf" });
  const reset = collect(node.manager.reset({ deadlineMs: 300 }));
  await node.until(installation, (object) => object.kind === "installation" && object.state === "uninstalling");
  const origin = await publication({ mode: "steady" });
  expect(await reasonOf(collect(node.manager.install(origin)))).toBe("OPERATION_IN_PROGRESS");
  expect(await reasonOf(collect(node.manager.reset()))).toBe("OPERATION_IN_PROGRESS");
  await reset;
  await node.running({ mode: "steady" });
});

test.concurrent("what was made for a request before a reset is made again after it", async () => {
  await using node = await TestNode.open();
  const origin = await publication({ mode: "steady" });
  const before = await objectOf(node.manager.install(origin, { requestId: "first" }));
  await collect(node.manager.reset({ requestId: "reset" }));
  const after = await objectOf(node.manager.install(origin, { requestId: "first" }));
  expect(after).not.toBe(before);
  // The same reset is not made again.
  await collect(node.manager.reset({ requestId: "reset" }));
  expect(await node.names("apps/*/*")).toEqual([after]);
});

function withoutSize(line: string): string {
  return line.replace(/ \d+$/, "");
}

test.concurrent("a reset also removes what is no installation in an installation's place", async () => {
  await using node = await TestNode.open();
  const { instance } = await node.running({ mode: "steady" });
  // .../app-*/installation-*/instances/instance-*/root
  const app = dirname(dirname(dirname(dirname((await node.instance(instance)).rootDir))));
  await symlink("/", join(app, `installation-${"a".repeat(26)}`));
  await symlink("/", join(node.dir, `app-${"0".repeat(32)}`));
  await promisify(execFile)("mkfifo", [join(node.dir, `app-${"1".repeat(32)}`)]);
  expect(new Set(Object.values(await endsOf(node.manager.reset())))).toEqual(new Set(["outcome"]));
  expect((await readdir(node.dir)).filter((name) => name.startsWith("app-"))).toEqual([]);
});
