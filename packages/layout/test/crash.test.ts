import { join } from "node:path";
import { collect } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { crashStates, replay } from "./support/crash-states.ts";
import { install, launch, open, paths } from "./support/fixture.ts";
import { copyTree, Prepared } from "./support/invariants.ts";
import { memoryDir } from "./support/memory-dir.ts";
import { lines, RecordingFs } from "./support/recording-fs.ts";
import { scenarios } from "./support/scenarios.ts";

test.each(scenarios)(
  "a crash at any point of $name leaves the old state or the new one, and what was acknowledged stays",
  async (scenario) => {
    await using dir = await memoryDir();
    const prepared = await Prepared.of(scenario, dir.path);
    const work = join(dir.path, "work");
    prepared.copyTo(work);
    const fs = new RecordingFs();
    const root = await open(join(work, "root"), { fs });
    const opened = fs.changes.length;
    await scenario.run(root, join(work, "link"));
    const changes = fs.changes.slice(opened);
    expect(changes.length).toBeGreaterThan(0);
    // The root as the process that crashed had opened it.
    const base = join(dir.path, "base");
    prepared.copyTo(base);
    replay(fs.changes.slice(0, opened), work, base);

    const place = join(dir.path, "crashed");
    for (const state of crashStates(changes)) {
      copyTree(base, place);
      replay(state.changes, work, place);
      const survives = state.kind === "killed" || !scenario.isClaim;
      const acknowledged = survives && state.after === changes.length;
      await prepared.check(place, `${state.kind} after ${state.after} of ${changes.length}`, acknowledged);
    }
  },
);

test("a crash at any point of a whole start leaves no instance or a whole one, and a running one once it is acknowledged", async () => {
  await using dir = await memoryDir();
  const work = join(dir.path, "work");
  const base = join(dir.path, "base");
  const first = await open(join(work, "root"));
  const { name: installation } = await install(first);
  await first[Symbol.asyncDispose]();
  copyTree(work, base);
  const fs = new RecordingFs();
  const root = await open(join(work, "root"), { fs });
  const { name } = await root.instances.create(installation, { durable: false });
  await root.instances.claimLaunch(name, launch());
  await root.instances.markReady(name, { attempt: "one" });

  const found = new Set<string>();
  const place = join(dir.path, "crashed");
  for (const state of crashStates(fs.changes)) {
    copyTree(base, place);
    replay(state.changes, work, place);
    await using after = await open(join(place, "root"));
    await after.sweep();
    const [record, ...others] = await collect(after.instances.list(installation, { stopped: true }));
    expect(others).toEqual([]);
    expect(record?.kind ?? "instance").toBe("instance");
    const what = record?.kind === "instance" ? record.state : "none";
    found.add(what);
    if (state.after === fs.changes.length) {
      expect(what, state.kind).toBe("running");
    }
    expect(paths(join(place, "root")).filter((path) => /\.(incoming|deleted)-/.test(path))).toEqual([]);
  }
  expect(found).toEqual(new Set(["none", "suspended", "starting", "running"]));
});

test("an instance that a killed manager had made without a sync is durable with the next one's first acknowledgement", async () => {
  await using dir = await memoryDir();
  const rootDir = join(dir.path, "root");
  const first = await open(rootDir);
  const { name: installation, dir: place } = await install(first);
  const { name } = await first.instances.create(installation, { durable: false });
  await first[Symbol.asyncDispose]();
  const fs = new RecordingFs();
  await using root = await open(rootDir, { fs });
  await root.instances.setSuspension(name, undefined);
  expect(lines(fs.changes, place)).toContain("syncDir instances");
});
