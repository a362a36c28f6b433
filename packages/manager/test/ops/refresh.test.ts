import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type InstanceName, parseName } from "@nodemanager/core";
import { selfIdentity } from "@nodemanager/exec";
import { collect } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { PROFILE, repositoryDir } from "../support/applications.ts";
import { isRunning, TestNode } from "../support/test-node.ts";

async function notesOf(node: TestNode, name: string): Promise<Record<string, string>> {
  const events = await collect(node.manager.refresh(name));
  return Object.fromEntries(events.flatMap((event) => (event.kind === "outcome" ? [[event.object, event.note]] : [])));
}

test("a refresh says what is there and changes nothing", async () => {
  await using node = await TestNode.open();
  const { installation, instance, pid } = await node.running({ mode: "steady" });
  expect(await notesOf(node, "apps")).toEqual({ [installation]: "1.0.0 is up to date", [instance]: "running" });
  expect(await node.pid(instance)).toBe(pid);
});

test("a refresh repairs what drifted: a process that died unseen, a suspend that was never finished", async () => {
  await using node = await TestNode.open();
  const { installation, instance } = await node.running({ mode: "steady" });
  await collect(node.manager.suspend(instance));
  const name = await recordName(node, instance);
  const { instances } = node.root;
  const dead = { ...selfIdentity(), pid: 2 ** 30 };
  const claim = async (attempt: string) => {
    await instances.claimLaunch(name, { attempt, process: dead, startedAt: new Date() });
    await instances.markReady(name, { attempt });
  };

  await claim("first");
  expect(await node.state(instance)).toBe("running");
  expect(await notesOf(node, instance)).toEqual({
    [instance]: "repaired: its process ended while no manager watched it; it is suspended now",
  });
  expect(await node.instance(instance)).toMatchObject({ state: "suspended", suspension: { by: "exit" } });

  await claim("second");
  await instances.claimSuspend(name);
  expect(await notesOf(node, installation)).toMatchObject({ [instance]: expect.stringContaining("repaired") });
  expect(await node.state(instance)).toBe("suspended");
});

test.each(["suspend", "stop"] as const)("a suspend that failed half-way is taken up by a %s", async (verb) => {
  await using node = await TestNode.open();
  const { installation, instance, pid } = await node.running({ mode: "steady" });
  await node.root.instances.claimSuspend(await recordName(node, instance));
  expect(await node.state(instance)).toBe("suspending");
  await collect(node.manager[verb](instance));
  expect(isRunning(pid)).toBe(false);
  expect(await node.names(`${installation}/*`)).toEqual(verb === "stop" ? [] : [instance]);
});

test("a stop that failed half-way is taken up by another one", async () => {
  await using node = await TestNode.open();
  const { installation, instance, pid } = await node.running({ mode: "steady" });
  await node.root.instances.claimStop(await recordName(node, instance));
  expect(await node.state(instance)).toBe("stopping");
  await collect(node.manager.stop(installation));
  expect(isRunning(pid)).toBe(false);
  expect(await node.names(`${installation}/*`)).toEqual([]);
});

test("a refresh says that the origin has another version", async () => {
  await using node = await TestNode.open();
  const installation = await node.install({ title: "moving", mode: "steady", version: "1.0.0" });
  await node.install({ title: "moving", mode: "steady", version: "1.1.0" });
  expect(await notesOf(node, installation)).toEqual({ [installation]: "1.1.0 is available, 1.0.0 is installed" });
  const { origin } = await node.installation(installation);
  await collect(node.manager.updateTo(installation, `${origin}@1.0.0`));
  expect(await notesOf(node, installation)).toEqual({
    [installation]: "1.1.0 is available, 1.0.0 is installed and pinned",
  });
});

test("a refresh does not take another application at the origin for a version that is available", async () => {
  await using node = await TestNode.open();
  const installation = await node.install({ title: "renamed", mode: "steady", version: "1.0.0" });
  const versions = join(await repositoryDir(), "applications", "renamed");
  const envelope = join(versions, "1.0.0", `${PROFILE}.json`);
  await writeFile(envelope, (await readFile(envelope, "utf8")).replace('"renamed"', '"other"'));
  expect(await notesOf(node, installation)).toEqual({
    [installation]: '1.0.0; the origin offers "other", which is another application',
  });
});

test("a refresh says that the origin cannot be asked, and is no failure then", async () => {
  await using node = await TestNode.open();
  const installation = await node.install({ title: "orphan", mode: "steady" });
  await rm(await repositoryDir(), { recursive: true });
  expect(await notesOf(node, installation)).toEqual({
    [installation]: expect.stringContaining("1.0.0; the origin cannot be asked"),
  });
});

async function recordName(node: TestNode, text: string): Promise<InstanceName> {
  const name = parseName(text);
  if (name.kind !== "instance") {
    throw new Error(`${text} is not an instance`);
  }
  expect((await node.root.instances.read(name)).name).toEqual(name);
  return name;
}
