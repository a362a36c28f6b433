import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MANAGER_TITLE } from "@nodemanager/core";
import { isAlive, readProcessIdentity } from "@nodemanager/exec";
import type { WorkspaceRecord } from "@nodemanager/layout";
import { collectWorkspaces, type SelfUpdateSetup } from "@nodemanager/manager";
import { collect, reasonOf } from "@nodemanager/testing";
import { expect, onTestFinished, test } from "vitest";
import { TestNode, type TestNodeOptions } from "../support/test-node.ts";

const PROGRAM = "#!/bin/sh\nexit 0\n";

/** What a manager is told that may move itself; its trials are tested with real managers, in tools/e2e. */
function setup(dir: string): SelfUpdateSetup {
  return {
    origin: `file:${dir}/repository/nm`,
    currentLink: join(dir, "current"),
    programFile: join(dir, "noded"),
    settings: {},
    environment: {},
    trialClient: {
      connect() {
        throw new Error("nothing is tried here");
      },
    },
    restartStatus: 100,
    trialTimeoutMs: 1000,
    healthyAfterMs: 0,
    healthyWithinMs: 1000,
  };
}

async function node(o: TestNodeOptions = { selfUpdate: setup }): Promise<TestNode> {
  const made = await TestNode.open(o);
  onTestFinished(async () => {
    await made[Symbol.asyncDispose]();
  });
  return made;
}

/** A workspace as an update leaves it. */
async function workspace(made: TestNode, version: string, previous?: WorkspaceRecord): Promise<WorkspaceRecord> {
  const binary = join(made.dir, "run", "program");
  writeFileSync(binary, PROGRAM, { mode: 0o755 });
  const sha256 = createHash("sha256").update(PROGRAM).digest("hex");
  const envelope = { title: MANAGER_TITLE, version, binary: { sha256, sizeBytes: PROGRAM.length } };
  const staged = await made.root.manager.stage({
    binary,
    script: "",
    settings: {},
    envelope,
    previous: previous?.version,
  });
  rmSync(binary);
  return staged;
}

async function versionsOf(made: TestNode): Promise<readonly string[]> {
  return (await collect(made.root.manager.list())).flatMap((record) =>
    record.kind === "workspace" ? [record.version] : [],
  );
}

test("a manager that was not told how to move says what it lacks, and does nothing", async () => {
  for (const lacks of ["origin", "currentLink", "programFile"] as const) {
    const made = await node({ selfUpdate: (dir) => ({ ...setup(dir), [lacks]: undefined }) });
    const before = await made.listing();
    expect(await reasonOf(collect(made.manager.updateManager()))).toBe("SELF_UPDATE_NOT_CONFIGURED");
    expect(await made.listing()).toEqual(before);
  }
  const without = await node({});
  expect(await reasonOf(collect(without.manager.updateManager()))).toBe("SELF_UPDATE_NOT_CONFIGURED");
  expect(await reasonOf(collect(without.manager.revertManager()))).toBe("SELF_UPDATE_NOT_CONFIGURED");
});

test("what is in the place of the link is not replaced unless it is a link", async () => {
  const made = await node();
  writeFileSync(join(made.dir, "../current"), "the only copy of something");
  expect(await reasonOf(collect(made.manager.updateManager()))).toBe("SELF_UPDATE_NOT_CONFIGURED");
});

test("an origin that is not there is said, and no version is left", async () => {
  const made = await node();
  writeFileSync(join(made.dir, "../noded"), PROGRAM, { mode: 0o755 });
  expect(await reasonOf(collect(made.manager.updateManager()))).toMatch(
    /^(REPOSITORY_UNAVAILABLE|ENVELOPE_NOT_FOUND)$/,
  );
  expect(await versionsOf(made)).toEqual([]);
});

test("a reset does not wait until the manager counts as healthy", async () => {
  const made = await node({ selfUpdate: (dir) => ({ ...setup(dir), healthyAfterMs: 86_400_000 }) });
  made.manager.serves();
  expect(await collect(made.manager.reset())).toEqual([]);
  expect(await made.manager.managerStatus()).toMatchObject({ healthy: false });
});

test("a damaged version is no reason not to answer, nor not to update, and is not gone back to", async () => {
  let programFile = "";
  const made = await node({ selfUpdate: (dir) => ({ ...setup(dir), programFile: programFile || join(dir, "noded") }) });
  writeFileSync(join(made.dir, "../noded"), PROGRAM, { mode: 0o755 });
  const old = await workspace(made, "1.0.0");
  const now = await workspace(made, "2.0.0", old);
  for (const { version } of [old, now]) {
    await made.root.manager.markHealthy(version);
    await made.root.manager.switchTo(join(made.dir, "../current"), version);
  }
  writeFileSync(join(old.dir, "envelope.json"), '{"schemaVersion":1,"title":7}');
  expect(await reasonOf(collect(made.manager.updateManager()))).toMatch(
    /^(REPOSITORY_UNAVAILABLE|ENVELOPE_NOT_FOUND)$/,
  );
  programFile = now.programFile;
  await made.shutdown();
  await made.reopen();
  expect(await made.manager.managerStatus()).toMatchObject({ workspace: now.version, previousVersion: "" });
  expect(await reasonOf(collect(made.manager.revertManager()))).toBe("STORE_CORRUPT");
});

test("a revert goes to the previous version when that is whole, and ends the manager", async () => {
  let programFile = "";
  const made = await node({ selfUpdate: (dir) => ({ ...setup(dir), programFile: programFile || join(dir, "noded") }) });
  const old = await workspace(made, "1.0.0");
  const now = await workspace(made, "2.0.0", old);
  await made.root.manager.markHealthy(old.version);
  await made.root.manager.markHealthy(now.version);
  const link = join(made.dir, "../current");
  await made.root.manager.switchTo(link, now.version);
  programFile = now.programFile;
  await made.shutdown();
  await made.reopen();
  expect(await made.manager.managerStatus()).toMatchObject({
    workspace: now.version,
    previousVersion: "1.0.0",
    healthy: true,
  });

  rmSync(old.programFile);
  writeFileSync(old.programFile, "#!/bin/sh\nexit 1\n");
  expect(await reasonOf(collect(made.manager.revertManager()))).toBe("STORE_CORRUPT");
  writeFileSync(old.programFile, PROGRAM);
  writeFileSync(old.settingsFile, "{");
  expect(await reasonOf(collect(made.manager.revertManager()))).toBe("STORE_CORRUPT");
  expect(await made.root.manager.current(link)).toBe(now.version);
  writeFileSync(old.settingsFile, '{"schemaVersion":1}');

  const events = await collect(made.manager.revertManager({ requestId: "r-1" }));
  expect(events.at(-1)).toMatchObject({ kind: "outcome", changes: [{ field: "version", from: "2.0.0", to: "1.0.0" }] });
  const { root } = made;
  expect(await root.manager.current(link)).toBe(old.version);
  await made.manager.closed;
  expect(made.manager.isToRestart).toBe(true);
  programFile = old.programFile;
  await made.reopen();
  expect((await made.manager.managerStatus()).lastUpdate).toMatchObject({ state: "healthy", requestId: "r-1" });
  const repeated = await collect(made.manager.revertManager({ requestId: "r-1" }));
  expect(repeated.at(-1)).toMatchObject({ kind: "outcome", note: expect.stringContaining("earlier call") });
  expect(await reasonOf(collect(made.manager.revertManager()))).toBe("NO_PREVIOUS_VERSION");
});

test("a version that was being tried when the manager ended goes at the next start, with its process", async () => {
  const made = await node();
  const current = await workspace(made, "1.0.0");
  await made.root.manager.markHealthy(current.version);
  await made.root.manager.switchTo(join(made.dir, "../current"), current.version);
  const candidate = await workspace(made, "2.0.0", current);
  const child = spawn("/bin/sleep", ["1000"], { detached: true, stdio: "ignore" });
  await once(child, "spawn");
  const process = readProcessIdentity(child.pid ?? 0);
  if (!process) {
    throw new Error("the child does not live");
  }
  await made.root.manager.noteTrial(candidate.version, { process, launchId: "trial-1" });
  await made.root.manager.noteMove({
    ...{ kind: "update", from: current.version, fromVersion: "1.0.0", to: candidate.version, toVersion: "2.0.0" },
    at: new Date(),
  });
  await made.crash();
  await made.reopen();
  expect(isAlive(process)).toBe(false);
  expect(await versionsOf(made)).toEqual([current.version]);
  expect(await made.root.manager.lastMove()).toBeUndefined();
  expect((await made.manager.managerStatus()).recovery.join()).toContain(candidate.version);
});

test("versions are collected, but for what is in use and the newest of the others", async () => {
  const made = await node();
  const link = join(made.dir, "../current");
  const all: WorkspaceRecord[] = [];
  for (let n = 1; n <= 8; n++) {
    const one = await workspace(made, `${n}.0.0`, all.at(-1));
    await made.root.manager.markHealthy(one.version);
    all.push(one);
  }
  const [first, second, third, , , , , eighth] = all.map(({ version }) => version);
  const names = all.map(({ version }) => version);
  // Without a link nobody knows what is current.
  expect(await collectWorkspaces(made.root.manager, { currentLink: link, running: undefined })).toEqual([]);
  await made.root.manager.switchTo(link, third ?? "");
  await collectWorkspaces(made.root.manager, { keep: 2, currentLink: link, running: eighth });
  // The current one and what it goes back to, the one that runs and what it goes back to, and two more.
  expect(await versionsOf(made)).toEqual(names.filter((name) => name !== first && name !== all[3]?.version));
  expect(await versionsOf(made)).toContain(second);
  mkdirSync(join(made.dir, "node-manager", "notes"));
  symlinkSync("nowhere", join(made.dir, "node-manager", "link"));
  await collectWorkspaces(made.root.manager, { keep: 0, currentLink: link, running: third });
  expect(await versionsOf(made)).toEqual([second, third]);
});

test("tidy removes those that are due as well, by when they were followed", async () => {
  const made = await node();
  const all: WorkspaceRecord[] = [];
  for (let i = 0; i < 6; i++) {
    all.push(await workspace(made, `1.0.${i}`, all.at(-1)));
  }
  const link = setup(join(made.dir, "..")).currentLink ?? "";
  await made.root.manager.switchTo(link, all.at(-1)?.version ?? "");
  expect((await made.manager.tidy({ olderThanMs: 3_600_000 })).removed).toEqual([]);
  const dry = await made.manager.tidy({ dryRun: true });
  expect(dry.removed).toEqual([expect.stringContaining(all[0]?.version ?? "")]);
  expect(await made.manager.tidy()).toEqual(dry);
  expect(await versionsOf(made)).toEqual(all.slice(1).map(({ version }) => version));
});
