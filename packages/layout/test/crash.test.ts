import { join } from "node:path";
import { tempDir } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { crashStates, replay } from "./support/crash-states.ts";
import { open } from "./support/fixture.ts";
import { copyTree, Prepared } from "./support/invariants.ts";
import { RecordingFs } from "./support/recording-fs.ts";
import { scenarios } from "./support/scenarios.ts";

test.each(scenarios)(
  "a crash at any point of $name leaves the old state or the new one, and what was acknowledged stays",
  async (scenario) => {
    await using dir = await tempDir();
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
      const acknowledged = state.after === changes.length;
      await prepared.check(place, `${state.kind} after ${state.after} of ${changes.length}`, acknowledged);
    }
  },
);
