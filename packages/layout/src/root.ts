import { join } from "node:path";
import { BlobStore } from "./blob-store.ts";
import type { LayoutContext } from "./context.ts";
import { FreedSpace } from "./freed-space.ts";
import { InstallationStore } from "./installation-store.ts";
import { InstanceStore } from "./instance-store.ts";
import { ManagerStore } from "./manager-store.ts";
import { isKeptByReset, RUN } from "./paths.ts";
import { retire } from "./retire.ts";
import type { RootLock } from "./root-lock.ts";
import { ScratchRoot } from "./scratch-root.ts";
import { type SweepReport, sweepRoot } from "./sweep.ts";
import { VersionTurns } from "./version-turns.ts";

/** An opened root. Made by `openRoot`; disposing releases the lock. */
export class Root implements AsyncDisposable {
  readonly dir: string;
  /** For sockets; others may pass through it where they may pass through the root. */
  readonly runDir: string;
  readonly blobs: BlobStore;
  readonly installations: InstallationStore;
  readonly instances: InstanceStore;
  readonly manager: ManagerStore;
  readonly #context: LayoutContext;
  readonly #lock: RootLock;

  constructor(context: LayoutContext, dir: string, lock: RootLock) {
    this.#context = context;
    this.#lock = lock;
    this.dir = dir;
    this.runDir = join(dir, RUN);
    this.blobs = new BlobStore(context, dir);
    const turns = new VersionTurns();
    this.installations = new InstallationStore(context, dir, this.blobs, turns);
    this.instances = new InstanceStore(context, dir, this.installations, turns);
    this.manager = new ManagerStore(context, dir);
  }

  /**
   * Removes what a crash left: what had not yet appeared, what had been taken out of its place, directories of
   * applications without installations. Leaves alone what this process is working on; a second sweep removes nothing.
   * Trouble with one object is reported and does not keep the others from being swept.
   */
  async sweep(): Promise<SweepReport> {
    const swept = await sweepRoot(this.#context, this.dir);
    const empty = await this.installations.retireEmptyApplications();
    return { ...swept, removed: [...swept.removed, ...empty] };
  }

  /**
   * Removes everything but the format, the lock, the sockets' directory and the manager's own workspaces. No process of
   * any installation is left, says the caller.
   *
   * @throws NodeError `DISK_FULL`, `READ_ONLY`, `ROOT_NOT_WRITABLE`; it can be repeated
   */
  async reset(): Promise<void> {
    await this.#context.attempt("resetting the root", async () => {
      for (const { name } of await this.#context.fs.readdir(this.dir)) {
        if (!isKeptByReset(name)) {
          await retire(this.#context, join(this.dir, name));
        }
      }
      await this.blobs.prepare();
    });
    this.installations.forget();
  }

  /** Counts what a removal frees. */
  freedSpace(): FreedSpace {
    return new FreedSpace(this.#context);
  }

  /**
   * Makes a tree of the same format to try a manager on, below the directory for sockets, where the next start-up sweeps
   * what a crash leaves of it.
   *
   * @throws NodeError `DISK_FULL`, `READ_ONLY`, `ROOT_NOT_WRITABLE`
   */
  async scratch(): Promise<ScratchRoot> {
    return await ScratchRoot.make(this.#context, this.dir, this.runDir);
  }

  /** Releases the root; twice is once. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lock[Symbol.asyncDispose]();
  }
}
