import { accessSync, constants, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isErrno, NodeError, newId } from "@nodemanager/core";
import { enterGroup, groupPids, isPopulated, killGroup, LAUNCH_PREFIX, removeGroup, subgroups } from "./cgroup.ts";

const MOUNTS = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
const NAME = /^(?!\.)[A-Za-z0-9_.-]{1,128}$/;

/**
 * How the descendants of a child are kept together: `cgroup2` each launch in a control group of its own, which nothing
 * leaves by forking; `process-group` by group, session and launch id, which a program that wants to can leave.
 */
export class Containment implements AsyncDisposable {
  readonly kind: "cgroup2" | "process-group";
  readonly #base: string;
  readonly #home: string;
  readonly #mount: string;
  /** Whether this process waits for the next launch in the launch's group. */
  #prepares = false;
  /** The group of the next launch, when nobody but this process is in it. */
  #prepared: string | undefined;
  #moving: Promise<void> = Promise.resolve();

  private constructor(groups: { readonly base: string; readonly home: string; readonly mount: string } | undefined) {
    this.kind = groups ? "cgroup2" : "process-group";
    this.#base = groups?.base ?? "";
    this.#home = groups?.home ?? "";
    this.#mount = groups?.mount ?? "";
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
    const home = join(mount, own);
    const base = join(home, options.name);
    try {
      mkdirSync(base, { recursive: true });
      // To move a process the kernel asks for write access to the group that both places have in common, too.
      for (const dir of [base, home]) {
        accessSync(join(dir, "cgroup.procs"), constants.W_OK);
      }
      accessSync(join(base, "cgroup.kill"), constants.W_OK);
    } catch (error) {
      if (isErrno(error)) {
        return Containment.none();
      }
      throw error;
    }
    return new Containment({ base, home, mount });
  }

  /** Without control groups, whatever this process may use. */
  static none(): Containment {
    return new Containment(undefined);
  }

  /**
   * Makes the next start, and each that follows after a pause, as quick as one without control groups: moves this process
   * into the group of the next launch, so that its child is born there, and out of it right after. To move a process takes
   * the kernel 10 to 30 ms when it was not asked to for a while, and it is better to spend them before than while somebody
   * waits. For the one containment of a daemon; disposing it moves the process back.
   *
   * What else this process starts meanwhile is born in that group, and ends with the launch unless it ends before.
   */
  async prepare(): Promise<void> {
    if (this.kind === "cgroup2" && !this.#prepares) {
      this.#prepares = true;
      this.#moveOn();
    }
    await this.#moving;
  }

  /** The directory of a launch's control group, if it was not prepared; nothing for `process-group`. */
  group(launchId: string): string | undefined {
    requireName(launchId, "a launch");
    return this.kind === "cgroup2" ? join(this.#base, LAUNCH_PREFIX + launchId) : undefined;
  }

  /**
   * Takes the group in which a child that is started in this very turn of the event loop is born. Nothing if none is
   * prepared: {@link enter} then. To be followed by {@link leave}.
   */
  takePrepared(): string | undefined {
    const dir = this.#prepared;
    if (dir === undefined) {
      return undefined;
    }
    const isThere = join(this.#mount, ownGroup() ?? "") === dir;
    this.#prepared = undefined;
    // Somebody else may have moved this process: an operator, or another containment.
    if (!isThere) {
      this.#moveOn();
      return undefined;
    }
    return dir;
  }

  /** Moves this process out of the group that was taken. With `unused` it stays, for the next launch. */
  leave(dir: string, options: { readonly unused: boolean }): void {
    if (options.unused) {
      this.#prepared = dir;
    } else {
      this.#moveOn();
    }
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
   * Kills and removes every group that is not to be kept: what a crash has left behind. Gives the directories of those in
   * which something lived.
   *
   * @param keep - the directories of the launches that go on
   */
  async sweep(keep: ReadonlySet<string>): Promise<readonly string[]> {
    const swept: string[] = [];
    for (const dir of this.kind === "cgroup2" ? subgroups(this.#base) : []) {
      if (keep.has(dir) || groupPids(dir).includes(process.pid)) {
        continue;
      }
      if (isPopulated(dir)) {
        swept.push(dir);
        killGroup(dir);
      }
      await removed(dir);
    }
    return swept;
  }

  /** Moves this process back if it was moved and can be, and removes the group of the given name if nothing is in it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.kind !== "cgroup2") {
      return;
    }
    const moved = this.#prepares;
    this.#prepares = false;
    this.#prepared = undefined;
    await this.#moving;
    if (moved) {
      // Where it came from may take no process any more. It ends soon; the next run sweeps the group that it stays in.
      await enterGroup(this.#home, process.pid).catch(() => {});
    }
    if (!isPopulated(this.#base)) {
      removeGroup(this.#base);
    }
  }

  #moveOn(): void {
    this.#moving = this.#moving.then(async () => {
      if (!this.#prepares) {
        return;
      }
      const dir = join(this.#base, LAUNCH_PREFIX + newId());
      try {
        mkdirSync(dir, { recursive: true });
        await enterGroup(dir, process.pid);
        this.#prepared = dir;
      } catch {
        // From here on each launch enters its own group. What was left stays a bystander in the group of the last one.
        this.#prepares = false;
        await enterGroup(this.#home, process.pid).catch(() => {});
      }
    });
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
