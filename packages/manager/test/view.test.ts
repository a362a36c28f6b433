import type { WatchEvent } from "@nodemanager/manager";
import { collect, reasonOf } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { nextInstanceState } from "../src/machines/instance.ts";
import { TestNode } from "./support/test-node.ts";

test.concurrent("a glob means what it matches, an application before its installations, these before their instances", async () => {
  await using node = await TestNode.open();
  const { installation, instance } = await node.running({ mode: "steady" });
  const second = await node.start(installation);
  const other = await node.install({ mode: "settled" });
  const instances = [instance, second].sort();
  const everything = ["apps/settled", other, "apps/steady", installation, ...instances];

  expect(await node.names("**")).toEqual(everything);
  expect(await node.names("apps/**")).toEqual(everything);
  expect(await node.names("apps/*")).toEqual(["apps/settled", "apps/steady"]);
  expect(await node.names("apps/*/*")).toEqual([other, installation]);
  expect(await node.names("apps/st*/*/*")).toEqual(instances);
  expect(await node.names("apps/steady/**")).toEqual(["apps/steady", installation, ...instances]);
  expect(await node.names(`${installation}/*`)).toEqual(instances);
  expect(await node.names(instance)).toEqual([instance]);
  expect(await node.names("apps/steady")).toEqual(["apps/steady"]);
  for (const nothing of ["apps", "nm", "apps/unknown", "apps/unknown/*", "nonsense", "*", "apps/node manager/*"]) {
    expect([nothing, await node.names(nothing)]).toEqual([nothing, []]);
  }
  expect(await reasonOf(collect(node.manager.list("apps\\")))).toBe("INVALID_NAME");
  expect(await reasonOf(collect(node.manager.list("**", AbortSignal.abort())))).toBe("CANCELLED");
});

test.concurrent("an installation says how many of its instances run, an application how many installations it has", async () => {
  await using node = await TestNode.open();
  const { installation, instance } = await node.running({ mode: "steady" });
  await node.start(installation);
  await collect(node.manager.suspend(instance));
  expect(await node.status(installation)).toMatchObject({ kind: "installation", instances: 2, running: 1 });
  expect(await node.status("apps/steady")).toEqual({ kind: "application", name: "apps/steady", installations: 1 });
  expect(await node.manager.managerStatus()).toMatchObject({
    version: "1.2.3",
    pid: process.pid,
    installations: 1,
    instances: 2,
    running: 1,
    broken: 0,
  });
});

test.concurrent("a watcher sees what is there, then every change, in an order that the table of states allows", async () => {
  await using node = await TestNode.open();
  const left = new AbortController();
  const events: WatchEvent[] = [];
  const ready = Promise.withResolvers<void>();
  const watching = (async () => {
    for await (const event of node.manager.watch("**", left.signal)) {
      events.push(event);
      if (event.kind === "synced") {
        ready.resolve();
      }
    }
  })();
  await ready.promise;
  const { installation, instance } = await node.running({ mode: "steady" });
  await node.until(instance, "running");
  await collect(node.manager.suspend(instance));
  await collect(node.manager.resume(instance));
  await collect(node.manager.uninstall(installation));
  left.abort();
  await watching;

  const removed = events.flatMap((event) => (event.kind === "removed" ? [event.name] : []));
  expect(new Set(removed)).toEqual(new Set([instance, installation, "apps/steady"]));
  const states = events.flatMap((event) =>
    event.kind === "changed" && event.object.kind === "instance" ? [event.object.state] : [],
  );
  expect(states).toEqual(expect.arrayContaining(["starting", "running", "suspended"]));
  for (const [i, state] of states.entries()) {
    const before = states[i - 1] ?? "suspended";
    expect([before, state, isReachable(before, state)]).toEqual([before, state, true]);
  }
});

test.concurrent("a watcher that comes later sees what is there first", async () => {
  await using node = await TestNode.open();
  const { instance } = await node.running({ mode: "steady" });
  const left = new AbortController();
  const events: WatchEvent[] = [];
  for await (const event of node.manager.watch("apps/*/*/*", left.signal)) {
    events.push(event);
    if (event.kind === "synced") {
      left.abort();
    }
  }
  expect(events).toMatchObject([{ kind: "existing", object: { name: instance } }, { kind: "synced" }]);
});

test.concurrent("whoever looks into an object gets what helps; what is not there is said", async () => {
  await using node = await TestNode.open();
  const { installation, instance, pid } = await node.running({ mode: "steady", args: ["x"] });
  const text = await node.manager.debug(instance);
  expect(text).toContain(`${pid}, alive, watched`);
  expect(text).toMatch(/command:\n {2}\[\n {4}".*\/bin",\n {4}"steady",\n {4}"x"\n/);
  expect(text).toMatch(/last output:\n {2}steady \d+ x/);
  expect(await node.manager.debug(installation)).toContain('"origin": "file:');
  expect(await reasonOf(node.manager.debug("nm"))).toBe("NOT_APPLICABLE");
  expect(await reasonOf(node.manager.debug("apps/unknown"))).toBe("APPLICATION_NOT_FOUND");
  expect(await reasonOf(node.manager.debug(`${installation}/${"a".repeat(26)}`))).toBe("INSTANCE_NOT_FOUND");
});

test.concurrent("the node says what it is", async () => {
  await using node = await TestNode.open();
  expect(await node.manager.describe()).toMatchObject({ profiles: ["test"], hostname: "here", version: "1.2.3" });
  expect(await node.manager.isRunnable({ profiles: ["test"] })).toMatchObject({ runnable: true });
});

/** A watcher may miss states between two looks, but never sees one that cannot follow. */
function isReachable(from: string, to: string): boolean {
  const events = ["launch", "ready", "failed", "suspend", "exited", "stop", "ended"] as const;
  const reached = new Set([from]);
  for (const state of reached) {
    for (const event of events) {
      const next = nextInstanceState(state as Parameters<typeof nextInstanceState>[0], event);
      if (next) {
        reached.add(next);
      }
    }
  }
  return reached.has(to);
}
