import { accessSync, constants, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isErrno, NodeError } from "@nodemanager/core";
import { enterGroup, isPopulated, killGroup, removeGroup, subgroups } from "./cgroup.ts";

const MOUNTS = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
const NAME = /^(?!\.)[A-Za-z0-9_.-]{1,128}$/;

/**
 * How the descendants of a child are kept together: `cgroup2` each launch in a control group of its own, which nothing
 * leaves by forking; `process-group` by group, session and launch id, which a program that wants to can leave.
 */
export class Containment implements AsyncDisposable {
  readonly kind: "cgroup2" | "process-group";
  readonly #base: string | undefined;

  private constructor(base: string | undefined) {
    this.kind = base === undefined ? "process-group" : "cgroup2";
    this.#base = base;
  }

  /**
   * Finds out what this process may use. Control groups are made below its own, in a group of the given name, so that
   * what is delegated to it by an init system suffices.
   *
   * @param options.name - letters, digits, `_`, `-` and `.`; the same in the next run, so that it finds its groups again
   */
  static async detect(options: { readonly name: string }): Promise<Containment> {
    requireName(options.name, "a containment");
    const mount = MOUNTS.find((dir) => existsSync(join(dir, "cgroup.controllers")));
    const own = mount === undefined ? undefined : ownGroup();
    if (mount === undefined || own === undefined) {
      return Containment.none();
    }
    const base = join(mount, own, options.name);
    try {
      mkdirSync(base, { recursive: true });
      // To move a process the kernel asks for write access to the group that both places have in common, too.
      for (const dir of [base, join(mount, own)]) {
        accessSync(join(dir, "cgroup.procs"), constants.W_OK);
      }
      accessSync(join(base, "cgroup.kill"), constants.W_OK);
    } catch (error) {
      if (isErrno(error)) {
        return Containment.none();
      }
      throw error;
    }
    return new Containment(base);
  }

  /** Without control groups, whatever this process may use. */
  static none(): Containment {
    return new Containment(undefined);
  }

  /** The directory of a launch's control group, whether or not it exists; nothing for `process-group`. */
  group(launchId: string): string | undefined {
    requireName(launchId, "a launch");
    return this.#base === undefined ? undefined : join(this.#base, launchId);
  }

  /** Puts a process that has not forked yet into the group of its launch. Gives what {@link group} does. */
  async enter(launchId: string, pid: number): Promise<string | undefined> {
    const dir = this.group(launchId);
    if (dir !== undefined) {
      mkdirSync(dir, { recursive: true });
      await enterGroup(dir, pid);
    }
    return dir;
  }

  /**
   * Kills and removes every group that is not to be kept: what a crash has left behind. Gives the directories.
   *
   * @param keep - directories as {@link group} gives them
   */
  async sweep(keep: ReadonlySet<string>): Promise<readonly string[]> {
    const swept: string[] = [];
    for (const dir of this.#base === undefined ? [] : subgroups(this.#base)) {
      if (!keep.has(dir)) {
        killGroup(dir);
        await removed(dir);
        swept.push(dir);
      }
    }
    return swept;
  }

  /** Removes the group of the given name if no launch is in it any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#base !== undefined && !isPopulated(this.#base)) {
      removeGroup(this.#base);
    }
  }
}

/** Waits up to two seconds until the killed processes are gone; what remains then is left for the next sweep. */
async function removed(dir: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < 2000 && !removeGroup(dir); waitedMs += 10) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function ownGroup(): string | undefined {
  const line = readFileSync("/proc/self/cgroup", "utf8").match(/^0::(\/(?!\.\.).*)$/m);
  return line?.[1];
}

function requireName(name: string, what: string): void {
  if (!NAME.test(name)) {
    throw new NodeError("INVALID_ARGUMENT", `${JSON.stringify(name)} cannot name ${what}: letters, digits, "_-." only`);
  }
}
