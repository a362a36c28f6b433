import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type InstanceName, type NodeError, newInstanceId, type Reason } from "@nodemanager/core";
import type { Root } from "@nodemanager/layout";
import { collect, FakeClock, failureOf, reasonOf, tempDir } from "@nodemanager/testing";
import { describe, expect, test } from "vitest";
import { createInstance, install, launch, open, runInstance } from "./support/fixture.ts";

const AT = new Date("2026-11-22T11:00:00Z");

/** Brings a new instance into each state that a live one can be in. */
const STATES = {
  suspended: createInstance,
  starting: async (root: Root) => {
    const name = await createInstance(root);
    await root.instances.claimLaunch(name, launch());
    return name;
  },
  running: (root: Root) => runInstance(root),
  suspending: async (root: Root) => {
    const name = await runInstance(root);
    await root.instances.claimSuspend(name);
    return name;
  },
  stopping: async (root: Root) => {
    const name = await runInstance(root);
    await root.instances.claimStop(name);
    return name;
  },
  stopped: async (root: Root) => {
    const name = await runInstance(root);
    await root.instances.claimStop(name);
    await root.instances.finishStop(name);
    return name;
  },
} satisfies Record<string, (root: Root) => Promise<InstanceName>>;

const TRANSITIONS = {
  claimLaunch: (root: Root, name: InstanceName) => root.instances.claimLaunch(name, launch("two")),
  markReady: (root: Root, name: InstanceName) => root.instances.markReady(name, { attempt: "one" }),
  claimSuspend: (root: Root, name: InstanceName) => root.instances.claimSuspend(name),
  unclaimSuspend: (root: Root, name: InstanceName) => root.instances.unclaimSuspend(name),
  finishSuspend: (root: Root, name: InstanceName) => root.instances.finishSuspend(name),
  claimStop: (root: Root, name: InstanceName) => root.instances.claimStop(name),
  finishStop: (root: Root, name: InstanceName) => root.instances.finishStop(name),
  retire: (root: Root, name: InstanceName) => root.instances.retire(name),
} satisfies Record<string, (root: Root, name: InstanceName) => Promise<unknown>>;

type State = keyof typeof STATES;
type Outcome = State | Reason | "gone";

/** D10: what each transition does in each state: the state that it leads to, or the reason why it does not. */
const TABLE: Readonly<Record<keyof typeof TRANSITIONS, Readonly<Record<State, Outcome>>>> = {
  claimLaunch: {
    suspended: "starting",
    starting: "INSTANCE_RUNNING",
    running: "INSTANCE_RUNNING",
    suspending: "OPERATION_IN_PROGRESS",
    stopping: "OPERATION_IN_PROGRESS",
    stopped: "INSTANCE_NOT_FOUND",
  },
  markReady: {
    suspended: "OPERATION_IN_PROGRESS",
    starting: "running",
    running: "running",
    suspending: "OPERATION_IN_PROGRESS",
    stopping: "OPERATION_IN_PROGRESS",
    stopped: "INSTANCE_NOT_FOUND",
  },
  claimSuspend: {
    suspended: "INSTANCE_NOT_RUNNING",
    starting: "suspending",
    running: "suspending",
    suspending: "OPERATION_IN_PROGRESS",
    stopping: "OPERATION_IN_PROGRESS",
    stopped: "INSTANCE_NOT_FOUND",
  },
  unclaimSuspend: {
    suspended: "INSTANCE_NOT_RUNNING",
    starting: "INSTANCE_NOT_RUNNING",
    running: "INSTANCE_NOT_RUNNING",
    suspending: "running",
    stopping: "INSTANCE_NOT_RUNNING",
    stopped: "INSTANCE_NOT_FOUND",
  },
  finishSuspend: {
    suspended: "INSTANCE_NOT_RUNNING",
    starting: "INSTANCE_NOT_RUNNING",
    running: "INSTANCE_NOT_RUNNING",
    suspending: "suspended",
    stopping: "INSTANCE_NOT_RUNNING",
    stopped: "INSTANCE_NOT_FOUND",
  },
  claimStop: {
    suspended: "stopping",
    starting: "stopping",
    running: "stopping",
    suspending: "OPERATION_IN_PROGRESS",
    stopping: "OPERATION_IN_PROGRESS",
    stopped: "INSTANCE_NOT_FOUND",
  },
  finishStop: {
    suspended: "OPERATION_IN_PROGRESS",
    starting: "OPERATION_IN_PROGRESS",
    running: "OPERATION_IN_PROGRESS",
    suspending: "OPERATION_IN_PROGRESS",
    stopping: "stopped",
    stopped: "INSTANCE_NOT_FOUND",
  },
  retire: {
    suspended: "gone",
    starting: "INSTANCE_RUNNING",
    running: "INSTANCE_RUNNING",
    suspending: "INSTANCE_RUNNING",
    stopping: "INSTANCE_RUNNING",
    stopped: "gone",
  },
};

const cases = Object.entries(TABLE).flatMap(([transition, row]) =>
  Object.entries(row).map(([state, outcome]) => ({ transition, state, outcome })),
);

describe("the states of an instance", () => {
  test.each(cases)("$transition when $state: $outcome", async ({ transition, state, outcome }) => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const name = await lookup(STATES, state)(root);
    const before = await root.instances.read(name);
    const act = lookup(TRANSITIONS, transition);
    if (/^[A-Z_]+$/.test(outcome)) {
      expect(await reasonOf(act(root, name))).toBe(outcome);
      expect(await root.instances.read(name)).toEqual(before);
    } else {
      await act(root, name);
      const after = outcome === "gone" ? undefined : (await root.instances.read(name)).state;
      expect(after ?? (await reasonOf(root.instances.read(name)))).toBe(after ? outcome : "INSTANCE_NOT_FOUND");
    }
  });

  test("an unknown instance has no transition", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const name: InstanceName = { ...(await createInstance(root)), instance: newInstanceId() };
    for (const act of Object.values(TRANSITIONS)) {
      expect(await reasonOf(act(root, name))).toBe("INSTANCE_NOT_FOUND");
    }
    expect(await reasonOf(root.instances.read(name))).toBe("INSTANCE_NOT_FOUND");
  });

  test("everything that a state carries is read back, also by another process", async () => {
    await using dir = await tempDir();
    const first = await open(dir.path);
    const name = await runInstance(first);
    const created = await first.instances.read(name);
    await first[Symbol.asyncDispose]();
    await using root = await open(dir.path);
    const running = await root.instances.read(name);
    expect(running).toEqual(created);
    expect(running).toMatchObject({
      state: "running",
      launch: launch(),
      ready: { attempt: "one", appCycleAddress: "unix:/run/a.sock", at: new FakeClock().now() },
    });
    expect(await root.instances.claimSuspend(name)).toMatchObject({ ...launch(), ready: { attempt: "one" } });
    const suspension = { by: "exit", why: "it crashed", at: AT, requestId: "r" } as const;
    const lastExit = { exit: { kind: "signal", signal: "SIGSEGV" }, at: AT, lastLines: "a\nb" } as const;
    await root.instances.finishSuspend(name, { suspension, lastExit });
    expect(await root.instances.read(name)).toMatchObject({ state: "suspended", suspension, lastExit });
    await root.instances.setSuspension(name, undefined);
    expect(await root.instances.read(name)).toMatchObject({ state: "suspended", suspension: undefined, lastExit });
    expect(await root.instances.claimStop(name)).toBeUndefined();
    await root.instances.finishStop(name, { requestId: "s" });
    expect(await root.instances.read(name)).toMatchObject({ state: "stopped", stopRequestId: "s", lastExit });
  });

  test("a new instance says why it must not be resumed; one that was ready is resumed", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const name = await createInstance(root);
    expect(await root.instances.read(name)).toMatchObject({ suspension: { by: "manager", why: "never started" } });
    await runInstance(root, name);
    await root.instances.claimSuspend(name);
    await root.instances.finishSuspend(name);
    expect(await root.instances.read(name)).toMatchObject({ state: "suspended", suspension: undefined });
  });

  test("readiness of an earlier launch does not count for a later one", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const name = await runInstance(root);
    const { dir: place } = await root.instances.read(name);
    const stale = JSON.stringify({ schemaVersion: 1, attempt: "one", at: AT });
    await root.instances.claimSuspend(name);
    await root.instances.finishSuspend(name);
    writeFileSync(join(place, "ready"), stale);
    await root.instances.claimLaunch(name, launch("two"));
    expect((await root.instances.read(name)).state).toBe("starting");
    expect(await reasonOf(root.instances.markReady(name, { attempt: "one" }))).toBe("OPERATION_IN_PROGRESS");
  });

  test("a process that ended on its own takes over its own launch only", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const name = await runInstance(root);
    expect(await reasonOf(root.instances.claimSuspend(name, "zero"))).toBe("INSTANCE_NOT_RUNNING");
    expect((await root.instances.claimSuspend(name, "one")).attempt).toBe("one");
  });

  test("a stop that a crash interrupted before its rename is stopping, and is stopped by the next", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const name = await createInstance(root);
    const { dir: place } = await root.instances.read(name);
    writeFileSync(join(place, "info"), JSON.stringify({ schemaVersion: 1, stop: true }));
    expect((await root.instances.read(name)).state).toBe("stopping");
    expect(await reasonOf(root.instances.claimLaunch(name, launch()))).toBe("OPERATION_IN_PROGRESS");
    expect(await root.instances.claimStop(name)).toBeUndefined();
    await root.instances.finishStop(name);
    expect((await root.instances.read(name)).state).toBe("stopped");
  });

  test("a launch that comes after the uninstallation was claimed gives way", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const name = await createInstance(root);
    await root.installations.claimUninstall({ ...name, kind: "installation" });
    expect(await reasonOf(root.instances.claimLaunch(name, launch()))).toBe("INSTALLATION_UNINSTALLED");
    expect((await root.instances.read(name)).state).toBe("suspended");
    expect(await reasonOf(root.instances.create({ ...name, kind: "installation" }))).toBe("INSTALLATION_UNINSTALLED");
    expect(await root.instances.claimStop(name)).toBeUndefined();
  });
});

describe("of twenty callers at once one wins and nineteen get the reason", () => {
  test.each([
    { state: "suspended", transition: "claimLaunch", reason: "INSTANCE_RUNNING" },
    { state: "running", transition: "claimSuspend", reason: "OPERATION_IN_PROGRESS" },
    { state: "running", transition: "claimStop", reason: "OPERATION_IN_PROGRESS" },
    { state: "suspended", transition: "claimStop", reason: "OPERATION_IN_PROGRESS" },
    { state: "stopping", transition: "finishStop", reason: "INSTANCE_NOT_FOUND" },
    { state: "suspending", transition: "finishSuspend", reason: "INSTANCE_NOT_RUNNING" },
    { state: "stopped", transition: "retire", reason: "INSTANCE_NOT_FOUND" },
  ])("$transition", async ({ state, transition, reason }) => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const name = await lookup(STATES, state)(root);
    const act = lookup(TRANSITIONS, transition);
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => act(root, name)));
    const lost = results.filter((result) => result.status === "rejected");
    expect(lost).toHaveLength(19);
    expect(new Set(lost.map((result) => (result.reason as NodeError).reason))).toEqual(new Set([reason]));
  });

  test("launch, suspend and stop mixed: every claim that was won is seen", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const name = await runInstance(root);
    const results = await Promise.allSettled([
      ...Array.from({ length: 10 }, () => root.instances.claimSuspend(name)),
      ...Array.from({ length: 10 }, () => root.instances.claimStop(name)),
      ...Array.from({ length: 10 }, (_, n) => root.instances.claimLaunch(name, launch(`later-${n}`))),
    ]);
    expect(results.filter((result) => result.status === "fulfilled")).toHaveLength(1);
    expect((await root.instances.read(name)).state).toBe("suspending");
  });

  test("a stop keeps a launch out at whatever step it meets it", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const installation = (await install(root)).name;
    for (let round = 0; round < 30; round += 1) {
      const name = await createInstance(root, installation);
      const [stopped, launched] = await Promise.allSettled([
        root.instances.claimStop(name),
        root.instances.claimLaunch(name, launch()),
      ]);
      // Either order is right, but a launch that won is what the stop was told to end.
      expect(stopped.status).toBe("fulfilled");
      const told = stopped.status === "fulfilled" && stopped.value !== undefined;
      expect(told).toBe(launched.status === "fulfilled");
      expect((await root.instances.read(name)).state).toBe("stopping");
    }
  });
});

describe("instances", () => {
  test("W9: an id that is taken is refused and what is there stays as it is", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const name = await runInstance(root);
    const failure = await failureOf(root.instances.create({ ...name, kind: "installation" }, { id: name.instance }));
    expect(failure.reason).toBe("ALREADY_EXISTS");
    expect((await root.instances.read(name)).state).toBe("running");
    expect((await root.sweep()).removed).toEqual([]);
  });

  test("W7: a pinned version is found from wherever the tree is moved to", async () => {
    await using dir = await tempDir();
    const first = await open(join(dir.path, "here"));
    const name = await createInstance(first);
    await first[Symbol.asyncDispose]();
    mkdirSync(join(dir.path, "else"));
    renameSync(join(dir.path, "here"), join(dir.path, "else", "where"));
    await using root = await open(join(dir.path, "else", "where"));
    const record = await root.instances.read(name);
    expect((await root.instances.version(record)).program).toBe(join(record.versionDir, "bin"));
    expect(record.versionDir.startsWith(root.dir)).toBe(true);
  });

  test("a failed creation leaves nothing", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const { name, dir: place } = await install(root);
    await root.installations.claimUninstall(name);
    expect(await reasonOf(root.instances.create(name))).toBe("INSTALLATION_UNINSTALLED");
    expect(readdirSync(join(place, "instances"))).toEqual([]);
    await root.installations.finishUninstall(name);
    expect(await reasonOf(root.instances.create(name))).toBe("INSTALLATION_UNINSTALLED");
    const other = await install(root);
    rmSync(join(other.dir, "instances"), { recursive: true });
    const failure = await failureOf(root.instances.create(other.name));
    expect(failure.metadata).toEqual({ file: join(other.dir, "instances"), field: "" });
    await root.installations.retire(name);
    expect(await reasonOf(root.instances.create(name))).toBe("INSTALLATION_NOT_FOUND");
  });

  test("lists the live ones, and with `stopped` also the others", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const { name: installation } = await install(root);
    const live = await createInstance(root, installation);
    const ended = await createInstance(root, installation);
    await root.instances.claimStop(ended);
    await root.instances.finishStop(ended);
    const names = async (o?: { stopped: boolean }) =>
      (await collect(root.instances.list(installation, o))).map((record) => record.name);
    expect(await names()).toEqual([live]);
    expect(new Set(await names({ stopped: true }))).toEqual(new Set([live, ended]));
    const { dir: place } = await root.instances.read(ended);
    expect(dirname(place)).toBe(join((await root.installations.read(installation)).dir, "instances"));
  });
});

function lookup<T>(table: Readonly<Record<string, T>>, key: string): T {
  const found = table[key];
  if (found === undefined) {
    throw new Error(`no ${key}`);
  }
  return found;
}
