import { rm } from "node:fs/promises";
import { collect } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { repositoryDir } from "../support/applications.ts";
import { TestNode } from "../support/test-node.ts";

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

test("a refresh says that the origin has another version", async () => {
  await using node = await TestNode.open();
  const installation = await node.install({ title: "moving", mode: "steady", version: "1.0.0" });
  await node.install({ title: "moving", mode: "steady", version: "1.1.0" });
  expect(await notesOf(node, installation)).toEqual({ [installation]: "1.1.0 is available, 1.0.0 is installed" });
});

test("a refresh says that the origin cannot be asked, and is no failure then", async () => {
  await using node = await TestNode.open();
  const installation = await node.install({ title: "orphan", mode: "steady" });
  await rm(await repositoryDir(), { recursive: true });
  expect(await notesOf(node, installation)).toEqual({
    [installation]: expect.stringContaining("1.0.0; the origin cannot be asked"),
  });
});
