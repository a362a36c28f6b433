import { dirname, join } from "node:path";
import { formatName, type InstanceName, isErrno, KeyedMutex, NodeError } from "@nodemanager/core";
import type { LayoutContext } from "./context.ts";
import { encodeDocument } from "./document.ts";
import type { InstallationStore } from "./installation-store.ts";
import {
  type Claim,
  INFO,
  type InstanceReader,
  LAST_EXIT,
  READY,
  STOPPED,
  STOPPING,
  SUSPENDED,
  SUSPENDING,
} from "./instance-reader.ts";
import { instanceDir, stoppedInstanceDir } from "./paths.ts";
import type { LastExit, Launch, Ready, Suspension } from "./records.ts";
import { linkFile, replaceFile, unlinkIfThere } from "./write-atomic.ts";

/** What is remembered of a process that has ended. */
export interface Ending {
  /**
   * Why it must not be resumed at start-up. Without it stays what was remembered before: nothing of an instance that ran
   * and was not suspended on purpose, so it is resumed.
   */
  readonly suspension?: Suspension | undefined;
  readonly lastExit?: LastExit | undefined;
}

/** A claim that was taken over: the process that has to be ended. */
export type ClaimedLaunch = Launch & { readonly ready?: Ready | undefined };

/**
 * The transitions of an instance. Each is decided by one link(2) or rename(2), and undone or completed by nothing but the
 * next one.
 *
 * ```
 *   suspended ── launch: link info ──► starting ── ready: document with the same attempt ──► running
 *       ▲                                 │ suspend: rename info                                │
 *       └── finish: unlink info.suspending ── suspending ◄────────────── suspend: rename info ────┘
 *   any of these ── stop: rename info, or link one without a process and rename that ──► stopping ── rename directory ──► stopped
 * ```
 *
 * What ends in running, suspended or stopped is durable when it is acknowledged. A claim (starting, suspending, stopping)
 * is about a living process: it has to outlive the manager, and is on disk for the next one as soon as it is made. That
 * it outlives the power as well is of no use, because the process does not, so no sync of the directory is waited for
 * before an application may run; the bytes of the document are synced before it gets its name, so that it is never
 * half there.
 *
 * What a claim decides holds against a crash at any point and against anybody who uses the same names. Within this
 * process the steps of one instance's claims also wait for each other, for one reason: rename(2) replaces what has the
 * new name already, so looking for a claim that was taken over and taking one over must not be torn apart.
 */
export class InstanceClaims {
  readonly #context: LayoutContext;
  readonly #root: string;
  readonly #reader: InstanceReader;
  readonly #installations: InstallationStore;
  readonly #turns = new KeyedMutex();
  /** By directory of instances: the sync since which none was made there without one. */
  readonly #listings = new Map<string, Promise<void>>();

  constructor(context: LayoutContext, root: string, reader: InstanceReader, installations: InstallationStore) {
    this.#context = context;
    this.#root = root;
    this.#reader = reader;
    this.#installations = installations;
  }

  /** Links `info`, then looks whether a stop or an uninstall came first; if so the launch gives way. */
  async launch(name: InstanceName, launch: Launch): Promise<void> {
    await this.#inTurn(name, async (dir) => {
      const before = await this.#claim(name, dir);
      if (before) {
        throw taken(name, before);
      }
      if (!(await this.#link(name, dir, launch))) {
        throw taken(name, await this.#claim(name, dir));
      }
      try {
        const names = await this.#reader.names(dir);
        if (!names?.has(INFO) || names.has(SUSPENDING) || names.has(STOPPING)) {
          throw taken(name, await this.#claim(name, dir));
        }
        await this.#installations.currentVersion({ ...name, kind: "installation" });
      } catch (error) {
        await this.#context.bestEffort("taking a launch back", () => unlinkIfThere(this.#context, join(dir, INFO)));
        throw error;
      }
    });
  }

  /** Writes `ready`, which counts only together with an `info` of the same attempt. */
  async ready(name: InstanceName, ready: Ready): Promise<void> {
    await this.#inTurn(name, async (dir) => {
      await this.#own(name, dir, ready.attempt);
      await replaceFile(this.#context, join(dir, READY), encodeDocument(ready));
      await unlinkIfThere(this.#context, join(dir, SUSPENDED));
      await this.settle(dir);
    });
  }

  async suspend(name: InstanceName, attempt: string | undefined): Promise<ClaimedLaunch> {
    return await this.#inTurn(name, async (dir) => {
      const claim = await this.#claim(name, dir);
      if (!claim || (attempt !== undefined && claim.file === INFO && claim.launch?.attempt !== attempt)) {
        throw new NodeError("INSTANCE_NOT_RUNNING", `${formatName(name)} is not running`);
      }
      if (claim.file !== INFO || !claim.launch) {
        throw inProgress(name, claim);
      }
      await this.#context.fs.rename(join(dir, INFO), join(dir, SUSPENDING));
      return { ...claim.launch, ready: claim.ready };
    });
  }

  /** Takes a suspend back whose process still lives: suspending becomes what it was. */
  async unclaimSuspend(name: InstanceName): Promise<void> {
    await this.#inTurn(name, async (dir) => {
      await this.#requireSuspending(name, dir);
      await this.#context.fs.rename(join(dir, SUSPENDING), join(dir, INFO));
    });
  }

  async finishSuspend(name: InstanceName, ending: Ending): Promise<void> {
    await this.#inTurn(name, async (dir) => {
      await this.#requireSuspending(name, dir);
      await this.#end(dir, ending);
    });
  }

  async stop(name: InstanceName): Promise<ClaimedLaunch | undefined> {
    return await this.#inTurn(name, async (dir) => {
      let claim = await this.#claim(name, dir);
      if (!claim) {
        await linkFile(this.#context, join(dir, INFO), encodeDocument({ stop: true }));
        claim = await this.#claim(name, dir);
      }
      // An `info` without a process is a stop that a crash interrupted before its rename: it is taken over.
      if (claim?.file !== INFO) {
        throw inProgress(name, claim);
      }
      await this.#context.fs.rename(join(dir, INFO), join(dir, STOPPING));
      return claim.launch && { ...claim.launch, ready: claim.ready };
    });
  }

  async finishStop(
    name: InstanceName,
    stopped: { at: Date; requestId?: string | undefined },
    lastExit?: LastExit,
  ): Promise<void> {
    await this.#inTurn(name, async (dir) => {
      const claim = await this.#claim(name, dir);
      if (claim?.file !== STOPPING) {
        throw new NodeError("OPERATION_IN_PROGRESS", `${formatName(name)} is not claimed for stopping`);
      }
      if (lastExit) {
        await replaceFile(this.#context, join(dir, LAST_EXIT), encodeDocument(lastExit));
      }
      await replaceFile(this.#context, join(dir, STOPPED), encodeDocument(stopped));
      await this.#context.fs.syncDir(dir);
      await this.#context.fs.rename(dir, stoppedInstanceDir(this.#root, name));
      await this.#context.fs.syncDir(dirname(dir));
    });
  }

  /** Notes that an instance's directory appeared without a sync of the directory above it. */
  unsettle(dir: string): void {
    this.#listings.delete(dirname(dir));
  }

  /**
   * Makes durable what was changed in an instance's directory, and that the directory is there: it may have been made
   * without a sync, also by a manager that was killed.
   */
  async settle(dir: string): Promise<void> {
    const { fs } = this.#context;
    const above = dirname(dir);
    let listing = this.#listings.get(above);
    if (!listing) {
      listing = fs.syncDir(above);
      this.#listings.set(above, listing);
      listing.catch(() => this.#listings.delete(above));
    }
    await Promise.all([fs.syncDir(dir), listing]);
  }

  /** Runs steps of one instance, after those that are under way. */
  async inTurn<T>(name: InstanceName, work: (dir: string) => Promise<T>): Promise<T> {
    return await this.#inTurn(name, work);
  }

  /**
   * Back to suspended: what is remembered first, then the claim goes, which is the commit. A file system keeps the order
   * of changes in one directory, so one fsync of it at the end is enough.
   */
  async #end(dir: string, ending: Ending): Promise<void> {
    if (ending.lastExit) {
      await replaceFile(this.#context, join(dir, LAST_EXIT), encodeDocument(ending.lastExit));
    }
    if (ending.suspension) {
      await replaceFile(this.#context, join(dir, SUSPENDED), encodeDocument(ending.suspension));
    }
    await this.#context.fs.unlink(join(dir, SUSPENDING));
    // Without its claim it means nothing any more; before, it would be missed.
    await this.#context.bestEffort("removing a ready document", () => unlinkIfThere(this.#context, join(dir, READY)));
    await this.settle(dir);
  }

  async #requireSuspending(name: InstanceName, dir: string): Promise<void> {
    if ((await this.#claim(name, dir))?.file !== SUSPENDING) {
      throw new NodeError("INSTANCE_NOT_RUNNING", `${formatName(name)} is not being suspended`);
    }
  }

  async #own(name: InstanceName, dir: string, attempt: string): Promise<void> {
    const claim = await this.#claim(name, dir);
    if (claim?.file !== INFO || claim.launch?.attempt !== attempt) {
      throw inProgress(name, claim);
    }
  }

  async #link(name: InstanceName, dir: string, launch: Launch): Promise<boolean> {
    try {
      return await linkFile(this.#context, join(dir, INFO), encodeDocument(launch));
    } catch (error) {
      throw isErrno(error, "ENOENT") ? notFound(name) : error;
    }
  }

  async #claim(name: InstanceName, dir: string): Promise<Claim | undefined> {
    const names = await this.#reader.names(dir);
    if (!names) {
      throw notFound(name);
    }
    return await this.#reader.claim(dir, names);
  }

  async #inTurn<T>(name: InstanceName, work: (dir: string) => Promise<T>): Promise<T> {
    const dir = instanceDir(this.#root, name);
    using _ = await this.#turns.acquire(dir);
    return await this.#context.attempt(`changing ${formatName(name)}`, () => work(dir));
  }
}

/** The error for who wants what an instance with this claim cannot do. */
export function taken(name: InstanceName, claim: Claim | undefined): NodeError {
  return claim?.file === INFO && claim.launch
    ? new NodeError("INSTANCE_RUNNING", `${formatName(name)} is ${claim.ready ? "running" : "starting"} already`)
    : inProgress(name, claim);
}

function inProgress(name: InstanceName, claim: Claim | undefined): NodeError {
  const what = {
    [INFO]: "started",
    [SUSPENDING]: "suspended",
    [STOPPING]: "stopped",
  }[claim?.file ?? SUSPENDING];
  return new NodeError("OPERATION_IN_PROGRESS", `${formatName(name)} is being ${what}`);
}

/** The error for a name of nothing. */
export function notFound(name: InstanceName): NodeError {
  return new NodeError("INSTANCE_NOT_FOUND", `there is no instance ${formatName(name)}`);
}
