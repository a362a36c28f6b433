import { mkdir, unlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { collect, reasonOf } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { endsOf, isRunning, TestNode } from "./support/test-node.ts";

/** Two installations with one running instance each; the first is broken by what the test does to a file of it. */
async function withBroken(node: TestNode, file: (instance: { rootDir: string }) => string) {
  const broken = await node.running({ mode: "steady" });
  const whole = await node.running({ mode: "steady" });
  const path = file(await node.instance(broken.instance));
  await writeFile(path, "{ this is not JSON");
  return { broken, whole };
}

const instanceDir = ({ rootDir }: { rootDir: string }) => dirname(rootDir);
const installationDir = (instance: { rootDir: string }) => dirname(dirname(instanceDir(instance)));
const settings = (instance: { rootDir: string }) => join(installationDir(instance), "settings.json");
const envelope = (instance: { rootDir: string }) => join(instanceDir(instance), "version", "envelope.json");
const document = (instance: { rootDir: string }) => join(instanceDir(instance), "instance.json");

test.concurrent("an installation that cannot be read is reported; its instances are seen and can be ended", async () => {
  await using node = await TestNode.open();
  const { broken, whole } = await withBroken(node, settings);
  expect(await node.status(broken.installation)).toMatchObject({
    kind: "broken",
    error: expect.stringContaining("settings.json"),
  });
  expect(await node.names("**")).toEqual(
    ["apps/steady", ...[broken, whole].flatMap(({ installation, instance }) => [installation, instance])].sort(),
  );
  expect(await node.instance(broken.instance)).toMatchObject({ state: "running", pid: broken.pid });
  expect(await node.manager.managerStatus()).toMatchObject({ broken: 1, instances: 2, running: 2 });
  expect(await node.manager.debug(broken.instance)).toContain("STORE_CORRUPT");
  expect(await endsOf(node.manager.start("apps"))).toMatchObject({
    [broken.installation]: "STORE_CORRUPT",
    [whole.installation]: "outcome",
  });
  expect(await endsOf(node.manager.suspend(broken.installation))).toEqual({ [broken.instance]: "outcome" });
  expect(await reasonOf(collect(node.manager.resume(broken.instance)))).toBe("STORE_CORRUPT");
  expect(await node.state(broken.instance)).toBe("suspended");
});

test.concurrent("the instances of an installation that cannot be read are taken over by the next manager", async () => {
  await using node = await TestNode.open({ policy: "leave" });
  const { broken } = await withBroken(node, settings);
  await node.crash();
  await node.reopen();
  expect(await node.instance(broken.instance)).toMatchObject({ state: "running", pid: broken.pid });
  process.kill(broken.pid, "SIGKILL");
  await node.until(broken.instance, "suspended");
});

test.concurrent("an installation that cannot be read can be uninstalled", async () => {
  await using node = await TestNode.open();
  const { broken, whole } = await withBroken(node, settings);
  await collect(node.manager.uninstall(broken.installation));
  expect(isRunning(broken.pid)).toBe(false);
  expect(await node.names("**")).toEqual(["apps/steady", whole.installation, whole.instance]);
});

test.concurrent("an instance whose version cannot be read can be suspended and stopped, and does not run again", async () => {
  await using node = await TestNode.open();
  const { broken, whole } = await withBroken(node, envelope);
  expect(await node.instance(broken.instance)).toMatchObject({ state: "running", version: "" });
  await collect(node.manager.suspend(broken.instance));
  expect(isRunning(broken.pid)).toBe(false);
  expect(await reasonOf(collect(node.manager.resume(broken.instance)))).toBe("STORE_CORRUPT");
  await collect(node.manager.stop(broken.instance));
  expect(await node.names("apps/*/*/*")).toEqual([whole.instance]);
});

test.concurrent("an instance that cannot be read is reported, others are served, and uninstalling ends its process", async () => {
  await using node = await TestNode.open();
  const { broken, whole } = await withBroken(node, document);
  expect(await node.status(broken.instance)).toMatchObject({
    kind: "broken",
    error: expect.stringContaining("instance.json"),
  });
  expect(await endsOf(node.manager.stop("apps"))).toEqual({
    [broken.instance]: "STORE_CORRUPT",
    [whole.instance]: "outcome",
  });
  await collect(node.manager.uninstall(broken.installation, { deadlineMs: 2000 }));
  expect(isRunning(broken.pid)).toBe(false);
});

test.concurrent("a start-up reports what it cannot read, and serves the rest", async () => {
  await using node = await TestNode.open();
  const { broken, whole } = await withBroken(node, document);
  await node.shutdown();
  await node.reopen();
  const { recovery } = await node.manager.managerStatus();
  expect(recovery).toContainEqual(expect.stringContaining(`${broken.instance} is broken`));
  expect(await node.state(whole.instance)).toBe("running");
});

test.concurrent("a reset ends and removes also what cannot be read", async () => {
  await using node = await TestNode.open();
  const { broken, whole } = await withBroken(node, settings);
  const third = await withBroken(node, document);
  await collect(node.manager.reset({ deadlineMs: 1000 }));
  expect([broken, whole, third.broken, third.whole].map(({ pid }) => pid).filter(isRunning)).toEqual([]);
  expect(await node.names("**")).toEqual([]);
});

test.concurrent("an installation without its current version can be uninstalled", async () => {
  await using node = await TestNode.open();
  const { installation, instance, pid } = await node.running({ mode: "steady" });
  await unlink(join(installationDir(await node.instance(instance)), "current"));
  await collect(node.manager.uninstall(installation));
  expect(isRunning(pid)).toBe(false);
  expect(await node.names("**")).toEqual([]);
});

test.concurrent("what is so broken that it cannot be uninstalled goes with a reset, and its process before", async () => {
  await using node = await TestNode.open();
  const { installation, instance, pid } = await node.running({ mode: "steady" });
  await mkdir(join(installationDir(await node.instance(instance)), "uninstall.json"));
  expect(await reasonOf(collect(node.manager.uninstall(installation)))).toBe("STORE_CORRUPT");
  expect(isRunning(pid)).toBe(true);
  expect(await endsOf(node.manager.reset())).toEqual({ [installation]: "outcome" });
  expect(isRunning(pid)).toBe(false);
  expect(await node.names("**")).toEqual([]);
});

for (const uncontained of [false, true]) {
  test.concurrent(`an instance that cannot be read keeps its process over a crash, and an uninstall ends it${uncontained ? " without control groups, too" : ""}`, async () => {
    await using node = await TestNode.open({ policy: "leave", uncontained });
    const { broken } = await withBroken(node, document);
    await node.crash();
    await node.reopen();
    expect(await node.status(broken.instance)).toMatchObject({ kind: "broken" });
    expect(isRunning(broken.pid)).toBe(true);
    expect((await node.manager.managerStatus()).recovery.join()).toContain(`process ${broken.pid} goes on`);
    await collect(node.manager.uninstall(broken.installation));
    expect(isRunning(broken.pid)).toBe(false);
  });
}
