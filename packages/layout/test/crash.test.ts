import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { NodeError } from "@nodemanager/core";
import type { Root } from "@nodemanager/layout";
import { tempDir } from "@nodemanager/testing";
import { describe, expect, test } from "vitest";
import { crashStates, replay } from "./support/crash-states.ts";
import { open, paths, view } from "./support/fixture.ts";
import { failAt, RecordingFs } from "./support/recording-fs.ts";
import { type Scenario, scenarios } from "./support/scenarios.ts";

/** What a scenario starts from and ends with. */
interface Prepared {
  readonly template: string;
  readonly before: string;
  readonly after: string;
  readonly pathsBefore: readonly string[];
  readonly pathsAfter: readonly string[];
}

describe.each(scenarios)("$name", (scenario) => {
  test("a crash at any point leaves the old state or the new one, and what was acknowledged stays", async () => {
    await using dir = await tempDir();
    const prepared = await prepare(scenario, dir.path);
    const work = join(dir.path, "work");
    cpSync(prepared.template, work, { recursive: true, verbatimSymlinks: true });
    const fs = new RecordingFs();
    const root = await open(join(work, "root"), { fs });
    const opened = fs.changes.length;
    await scenario.run(root, join(work, "link"));
    const changes = fs.changes.slice(opened);
    expect(changes.length).toBeGreaterThan(0);
    const base = join(dir.path, "base");
    cpSync(prepared.template, base, { recursive: true, verbatimSymlinks: true });
    replay(fs.changes.slice(0, opened), work, base);

    let states = 0;
    for (const state of crashStates(changes)) {
      const place = join(dir.path, "crashed");
      rmSync(place, { recursive: true, force: true });
      cpSync(base, place, { recursive: true, verbatimSymlinks: true });
      replay(state.changes, work, place);
      const acknowledged = state.after === changes.length;
      await check(scenario, prepared, place, `${state.kind} after ${state.after} of ${changes.length}`, acknowledged);
      states += 1;
    }
    expect(states).toBeGreaterThan(changes.length / 2);
  });

  test.each(["EIO", "ENOSPC"])(
    "%s at any point fails with a reason and leaves the old state or the new one",
    async (code) => {
      await using dir = await tempDir();
      const prepared = await prepare(scenario, dir.path);
      let failures = 0;
      for (let n = 1; ; n += 1) {
        const place = join(dir.path, "failed");
        rmSync(place, { recursive: true, force: true });
        cpSync(prepared.template, place, { recursive: true, verbatimSymlinks: true });
        const fault = failAt(n, code);
        const root = await open(join(place, "root"), { fs: new RecordingFs(fault.guard) });
        fault.arm();
        let acknowledged = true;
        try {
          await scenario.run(root, join(place, "link"));
        } catch (error) {
          expect(error, `verb ${n}`).toBeInstanceOf(NodeError);
          acknowledged = false;
          failures += 1;
        }
        if (fault.seen() < n) {
          break;
        }
        // The manager is killed without a release, as the next one finds it.
        await check(scenario, prepared, place, `${code} at verb ${n}`, acknowledged);
      }
      expect(failures).toBeGreaterThan(0);
    },
  );
});

async function prepare(scenario: Scenario, dir: string): Promise<Prepared> {
  const template = join(dir, "template");
  mkdirSync(template);
  await using root = await open(join(template, "root"));
  await scenario.prepare?.(root, join(template, "link"));
  const before = await snapshot(root, join(template, "link"));
  const pathsBefore = paths(join(template, "root"));
  await root[Symbol.asyncDispose]();
  const done = join(dir, "done");
  cpSync(template, done, { recursive: true, verbatimSymlinks: true });
  await using completed = await open(join(done, "root"));
  await scenario.run(completed, join(done, "link"));
  const after = await snapshot(completed, join(done, "link"));
  return { template, before, after, pathsBefore, pathsAfter: paths(join(done, "root")) };
}

async function check(
  scenario: Scenario,
  prepared: Prepared,
  place: string,
  what: string,
  acknowledged: boolean,
): Promise<void> {
  const rootDir = join(place, "root");
  await using root = await open(rootDir);
  const report = await root.sweep();
  expect(report.problems, what).toEqual([]);
  const found = await snapshot(root, join(place, "link"));
  const allowed = acknowledged ? [prepared.after] : [prepared.before, prepared.after];
  expect(allowed, what).toContain(found);
  if (scenario.exact) {
    expect([prepared.pathsBefore, prepared.pathsAfter], what).toContainEqual(paths(rootDir));
  }
  expect(
    paths(rootDir).filter((path) => /\.(incoming|deleted)-/.test(path)),
    what,
  ).toEqual([]);
  expect(await root.sweep(), what).toEqual({ removed: [], problems: [] });
  expect(await snapshot(root, join(place, "link")), what).toBe(found);
}

/** As text that does not depend on where the tree is, or on the random part of a new name. */
async function snapshot(root: Root, link: string): Promise<string> {
  return JSON.stringify(await view(root, link)).replaceAll(root.dir, "<root>");
}
