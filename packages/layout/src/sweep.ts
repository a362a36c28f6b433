import { join } from "node:path";
import { fromErrno, isErrno } from "@nodemanager/core";
import { boundedMap } from "./bounded-map.ts";
import { DELETED, INCOMING, type LayoutContext } from "./context.ts";
import type { Entry } from "./fs-ops.ts";
import { INSTANCES, isAppDirName, isVersionDirName, parseInstallationDirName, parseInstanceDirName } from "./paths.ts";

/** What a sweep did, as paths and sentences for a log. */
export interface SweepReport {
  readonly removed: readonly string[];
  readonly problems: readonly string[];
}

/** Removes everything temporary of other processes below a root. Directories of other kinds are not entered. */
export async function sweepRoot(context: LayoutContext, root: string): Promise<SweepReport> {
  const sweep = new Sweep(context);
  await sweep.directory(root, async (entry, path) => {
    if (isAppDirName(entry.name)) {
      await sweep.directory(path, (installation, dir) => sweep.installation(installation, dir));
    } else if (entry.name === "blobs") {
      await sweep.directory(path, async (_, dir) => sweep.directory(dir));
    } else if (entry.name === "node-manager") {
      await sweep.directory(path, async (version, dir) => {
        if (isVersionDirName(version.name)) {
          await sweep.directory(dir);
        }
      });
    } else if (entry.name === "quarantine" || entry.name === "run") {
      await sweep.directory(path);
    }
  });
  return sweep.report;
}

class Sweep {
  readonly #context: LayoutContext;
  readonly #removed: string[] = [];
  readonly #problems: string[] = [];

  constructor(context: LayoutContext) {
    this.#context = context;
  }

  get report(): SweepReport {
    return { removed: this.#removed, problems: this.#problems };
  }

  /** Removes what is temporary in a directory and goes into the directories below. */
  async directory(dir: string, enter?: (entry: Entry, path: string) => Promise<void>): Promise<void> {
    let entries: readonly Entry[];
    try {
      entries = await this.#context.fs.readdir(dir);
    } catch (error) {
      if (!isErrno(error, "ENOENT")) {
        this.#problem(`reading ${dir}`, error);
      }
      return;
    }
    for await (const _ of boundedMap(entries, async (entry) => {
      const path = join(dir, entry.name);
      if (this.#isLeftover(entry.name)) {
        await this.#remove(path);
      } else if (entry.kind === "directory") {
        await enter?.(entry, path);
      }
    })) {
      // The work is in the map.
    }
  }

  async installation(entry: Entry, dir: string): Promise<void> {
    if (!parseInstallationDirName(entry.name)) {
      return;
    }
    await this.directory(dir, async (part, path) => {
      if (part.name === INSTANCES) {
        await this.directory(path, async (instance, instanceDir) => {
          if (parseInstanceDirName(instance.name)) {
            await this.directory(instanceDir);
          }
        });
      }
    });
  }

  #isLeftover(name: string): boolean {
    const temporary = name.startsWith(INCOMING) || name.startsWith(DELETED);
    return temporary && !name.includes(this.#context.session);
  }

  async #remove(path: string): Promise<void> {
    try {
      await this.#context.fs.removeTree(path);
      this.#removed.push(path);
    } catch (error) {
      this.#problem(`removing ${path}`, error);
    }
  }

  #problem(what: string, error: unknown): void {
    const known = fromErrno(error, what);
    this.#context.logger.warn("a leftover stays", { what, error });
    this.#problems.push(known.message);
  }
}
