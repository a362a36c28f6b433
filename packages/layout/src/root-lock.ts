import { join } from "node:path";
import { isErrno, NodeError, newId, type ProcessIdentity } from "@nodemanager/core";
import type * as v from "valibot";
import type { LayoutContext } from "./context.ts";
import { encodeDocument, readDocument } from "./document.ts";
import { lockDocument } from "./documents.ts";
import { lockName, parseLockName } from "./paths.ts";
import { linkFile, unlinkIfThere } from "./write-atomic.ts";

interface LockOptions {
  readonly self: ProcessIdentity;
  readonly isAlive: (process: ProcessIdentity) => boolean;
}

type LockDocument = v.InferOutput<typeof lockDocument>;

/**
 * The right to change a root: one process at a time.
 *
 * The files `lock-<n>` are generations. The highest names the holder, or nobody; a holder that is not alive is nobody.
 * Whoever wants the lock links `lock-<n+1>` with link(2), which creates it whole or not at all. A file is never
 * rewritten. Invariants and the races that they settle:
 *
 * 1. *The highest generation is never deleted* in a root that was ever opened, and only a holder deletes, in ascending
 *    order, what is lower than its own. So the highest generation never goes down, and a name that was once superseded
 *    is never the highest again. `lock-0` names nobody and is what the first holder succeeds.
 * 2. Two see the same stale `lock-<n>`: link(2) gives `lock-<n+1>` to one of them. The other looks again, finds a living
 *    holder and is refused.
 * 3. One saw `lock-<n>` stale and slept; meanwhile others went on to `lock-<n+3>` and deleted the lower ones, so that
 *    `lock-<n+1>` is free again and its link(2) succeeds. Therefore a link counts only if afterwards (a) the very
 *    `lock-<n>` that it succeeds is still there, told by its nonce, and (b) no higher generation is. By the ascending order
 *    of deletion, `lock-<n>` being there means that `lock-<n+1>` was never deleted, that is, never made before: (a) alone
 *    decides, without trusting that a directory being changed is listed completely. The late one removes its own file,
 *    which is not the highest, and looks again.
 * 4. Release links a higher generation that names nobody, and removes nothing, so (1) holds for it too. A crash instead of
 *    a release leaves a holder that is not alive.
 * 5. A process that looks while `lock-<n>` is being superseded may find the file gone (it looks again) or a late one's
 *    short-lived file of the same name (it checks that `lock-<n>` is still the highest before it refuses).
 * 6. Identity is pid, start time and boot id, so a recycled pid and a reboot make a lock stale. Processes that do not
 *    see each other's pids (containers that share the directory) are not kept apart.
 *
 * No directory is synced for it: after a power cut nobody holds anything.
 */
export class RootLock implements AsyncDisposable {
  readonly #context: LayoutContext;
  readonly #root: string;
  readonly #generation: number;
  #released = false;

  private constructor(context: LayoutContext, root: string, generation: number) {
    this.#context = context;
    this.#root = root;
    this.#generation = generation;
  }

  /**
   * @throws NodeError `ROOT_LOCKED` with the metadata `pid` while another process holds it, `STORE_CORRUPT` when the
   *   highest generation cannot be read. Nothing has changed on disk then.
   */
  static async acquire(context: LayoutContext, root: string, o: LockOptions): Promise<RootLock> {
    await using undo = new AsyncDisposableStack();
    for (;;) {
      const highest = await highestGeneration(context, root);
      if (highest === undefined) {
        if (await linkLock(context, root, 0, undefined)) {
          undo.defer(() => removeLock(context, root, 0));
        }
        continue;
      }
      const seen = await readLock(context, root, highest);
      if (!seen) {
        continue;
      }
      if (seen.holder && o.isAlive(seen.holder)) {
        if ((await highestGeneration(context, root)) === highest) {
          throw new NodeError(
            "ROOT_LOCKED",
            `${root} is in use by the manager with pid ${seen.holder.pid}; stop it, or use another root`,
            { metadata: { pid: String(seen.holder.pid) } },
          );
        }
        continue;
      }
      if (!(await linkLock(context, root, highest + 1, o.self))) {
        continue;
      }
      const lock = new RootLock(context, root, highest + 1);
      if (await lock.#succeeds(seen)) {
        undo.move();
        await lock.#removeLower();
        return lock;
      }
      await removeLock(context, root, highest + 1);
    }
  }

  /** Releases; twice is once. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#released) {
      return;
    }
    this.#released = true;
    await this.#context.bestEffort("releasing the root", async () => {
      await linkLock(this.#context, this.#root, this.#generation + 1, undefined);
    });
  }

  /**
   * Releases after an opening that failed. A root that is new gets rid of its lock, so that nothing of it stays: whoever
   * saw it finds no predecessor by (3) and begins again.
   */
  async withdraw(o: { isNew: boolean }): Promise<void> {
    if (!o.isNew) {
      return await this[Symbol.asyncDispose]();
    }
    this.#released = true;
    await removeLock(this.#context, this.#root, this.#generation);
  }

  async #succeeds(predecessor: LockDocument): Promise<boolean> {
    try {
      const still = await readLock(this.#context, this.#root, this.#generation - 1);
      return (
        still?.nonce === predecessor.nonce && (await highestGeneration(this.#context, this.#root)) === this.#generation
      );
    } catch (error) {
      // It may be the highest, so it is not removed but followed by one that names nobody.
      await this[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #removeLower(): Promise<void> {
    await this.#context.bestEffort("removing old locks", async () => {
      for (const generation of await generations(this.#context, this.#root)) {
        if (generation < this.#generation) {
          await unlinkIfThere(this.#context, join(this.#root, lockName(generation)));
        }
      }
    });
  }
}

async function removeLock(context: LayoutContext, root: string, generation: number): Promise<void> {
  const file = join(root, lockName(generation));
  await context.bestEffort(`removing ${file}`, () => unlinkIfThere(context, file));
}

/** The generations that exist, ascending. */
async function generations(context: LayoutContext, root: string): Promise<number[]> {
  const entries = await context.fs.readdir(root);
  return entries
    .map((entry) => parseLockName(entry.name))
    .filter((generation) => generation !== undefined)
    .sort((a, b) => a - b);
}

async function highestGeneration(context: LayoutContext, root: string): Promise<number | undefined> {
  return (await generations(context, root)).at(-1);
}

async function readLock(context: LayoutContext, root: string, generation: number): Promise<LockDocument | undefined> {
  try {
    return (await readDocument(context.fs, join(root, lockName(generation)), lockDocument)).value;
  } catch (error) {
    if (isErrno(error, "ENOENT")) {
      return undefined;
    }
    throw error;
  }
}

async function linkLock(
  context: LayoutContext,
  root: string,
  generation: number,
  holder: ProcessIdentity | undefined,
): Promise<boolean> {
  const document = encodeDocument({ holder, nonce: newId(context.random) });
  return await linkFile(context, join(root, lockName(generation)), document);
}
