import { stat } from "node:fs/promises";
import { systemClock } from "@nodemanager/core";
import { collect } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { publication } from "../support/applications.ts";
import { TestNode } from "../support/test-node.ts";

const HOUR_MS = 3_600_000;

/** How many bytes the files in the root have, each once. */
async function usedBytes(node: TestNode): Promise<number> {
  const files = new Map<number, number>();
  for (const line of await node.listing()) {
    const found = await stat(`${node.dir}/${line.replace(/ \w+$/, "")}`).catch(() => undefined);
    if (found?.isFile()) {
      files.set(found.ino, found.size);
    }
  }
  return [...files.values()].reduce((sum, size) => sum + size, 0);
}

test.concurrent("what is over goes by when it was over, and what it says it freed is what it freed", async () => {
  let laterMs = 0;
  const now = () => new Date(Date.now() + laterMs);
  await using node = await TestNode.open({ clock: { ...systemClock, now } });
  const { installation, instance } = await node.running({ title: "tidied", mode: "steady" });
  const second = await node.start(installation);
  await collect(node.manager.stop(instance));
  const gone = await node.install({ title: "tidied away", mode: "steady" });
  laterMs = HOUR_MS;
  await collect(node.manager.uninstall(gone));

  expect(await node.manager.tidy({ olderThanMs: 2 * HOUR_MS })).toEqual({ removed: [], freedBytes: 0 });
  const before = await usedBytes(node);
  const listing = await node.listing();
  const dry = await node.manager.tidy({ olderThanMs: HOUR_MS, dryRun: true });
  expect(await node.listing()).toEqual(listing);
  expect(dry.removed).toEqual([expect.stringContaining(`the stopped ${instance}`)]);
  const done = await node.manager.tidy({ olderThanMs: HOUR_MS });
  expect(done).toEqual(dry);
  expect(before - (await usedBytes(node))).toBe(done.freedBytes);
  expect((await node.manager.tidy()).removed).toEqual([expect.stringContaining(`the uninstalled ${gone}`)]);
  expect(await node.state(second)).toBe("running");
});

test.concurrent("a dry run counts a binary that would be unused by then, and the run itself frees just that", async () => {
  await using node = await TestNode.open();
  // What the application's own directory holds is not counted; another one keeps it.
  await node.install({ title: "counted", version: "2.0.0", mode: "steady" });
  const installation = await node.install({
    title: "counted",
    version: "3.0.0",
    binary: Buffer.from(`#!/bin/sh\n#${"x".repeat(5000)}\n`),
  });
  await collect(node.manager.uninstall(installation));
  const before = await usedBytes(node);
  const dry = await node.manager.tidy({ dryRun: true });
  expect(dry.removed).toHaveLength(2);
  expect(dry.freedBytes).toBeGreaterThan(5000);
  const done = await node.manager.tidy();
  expect(done).toEqual(dry);
  expect(before - (await usedBytes(node))).toBe(done.freedBytes);
});

test.concurrent("what is being worked on is left: a binary that is fetched, an installation that is updated", async () => {
  const title = "worked on";
  await using node = await TestNode.open();
  const { installation } = await node.running({ title, mode: "steady" });
  await publication({ title, version: "2.0.0", mode: "steady", soakMs: 50 });
  const updating = collect(node.manager.update(installation, { restart: true }));
  const tidying = Array.from({ length: 20 }, () => node.manager.tidy());
  await Promise.all([updating, ...tidying]);
  expect(await node.installation(installation)).toMatchObject({
    version: "2.0.0",
    previousVersion: "1.0.0",
    running: 1,
  });
});
