import { cpSync, lchownSync, lstatSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Root } from "@nodemanager/layout";
import { expect } from "vitest";
import { open, paths, view } from "./fixture.ts";
import type { Scenario } from "./scenarios.ts";

/** What a scenario starts from and ends with. */
export class Prepared {
  readonly #scenario: Scenario;
  readonly #template: string;
  readonly #before: string;
  readonly #after: string;
  readonly #pathsBefore: readonly string[];
  readonly #pathsAfter: readonly string[];

  private constructor(
    scenario: Scenario,
    template: string,
    o: { before: string; after: string; pathsBefore: readonly string[]; pathsAfter: readonly string[] },
  ) {
    this.#scenario = scenario;
    this.#template = template;
    this.#before = o.before;
    this.#after = o.after;
    this.#pathsBefore = o.pathsBefore;
    this.#pathsAfter = o.pathsAfter;
  }

  /** Runs the scenario once, undisturbed, below `dir`. */
  static async of(scenario: Scenario, dir: string): Promise<Prepared> {
    const template = join(dir, "template");
    mkdirSync(template);
    await using root = await open(join(template, "root"));
    await scenario.prepare?.(root, join(template, "link"));
    const before = await snapshot(root, join(template, "link"));
    const pathsBefore = paths(join(template, "root"));
    await root[Symbol.asyncDispose]();
    const done = join(dir, "done");
    copyTree(template, done);
    await using completed = await open(join(done, "root"));
    await scenario.run(completed, join(done, "link"));
    const after = await snapshot(completed, join(done, "link"));
    return new Prepared(scenario, template, { before, after, pathsBefore, pathsAfter: paths(join(done, "root")) });
  }

  /** A tree as it is before the operation, instead of whatever is at `place`. */
  copyTo(place: string): void {
    copyTree(this.#template, place);
  }

  /**
   * Opens what a crash or a fault left, sweeps, and expects the old state or the new one, the new one if it was
   * acknowledged, nothing that is half there, and nothing to do for a second sweep.
   */
  async check(place: string, what: string, acknowledged: boolean): Promise<void> {
    const rootDir = join(place, "root");
    await using root = await open(rootDir);
    expect((await root.sweep()).problems, what).toEqual([]);
    const swept = paths(rootDir);
    const allowed = acknowledged ? [this.#after] : [this.#before, this.#after];
    expect(allowed, what).toContain(await snapshot(root, join(place, "link")));
    if (this.#scenario.exact) {
      expect([this.#pathsBefore, this.#pathsAfter], what).toContainEqual(swept);
    }
    expect(
      swept.filter((path) => /\.(incoming|deleted)-/.test(path)),
      what,
    ).toEqual([]);
    expect(await root.sweep(), what).toEqual({ removed: [], problems: [] });
    expect(paths(rootDir), what).toEqual(swept);
  }
}

export function copyTree(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  cpSync(from, to, { recursive: true, verbatimSymlinks: true });
  copyOwners(from, to);
}

function copyOwners(from: string, to: string): void {
  const { uid, gid } = lstatSync(from);
  if (uid !== process.geteuid?.() || gid !== process.getegid?.()) {
    lchownSync(to, uid, gid);
  }
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (entry.isDirectory()) {
      copyOwners(join(from, entry.name), join(to, entry.name));
    }
  }
}

/** What a root says, as text that does not depend on where the tree is. */
async function snapshot(root: Root, link: string): Promise<string> {
  return JSON.stringify(await view(root, link)).replaceAll(root.dir, "<root>");
}
