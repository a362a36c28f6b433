import { basename, join } from "node:path";
import { type AccountRange, formatAccountRange, isErrno, KeyedMutex, NodeError } from "@nodemanager/core";
import { boundedMap } from "./bounded-map.ts";
import { DELETED, INCOMING, type LayoutContext } from "./context.ts";
import { readDocument } from "./document.ts";
import { settingsDocument } from "./documents.ts";
import type { Entry } from "./fs-ops.ts";
import { isAppDirName } from "./paths.ts";

/** A number that is nobody else's; disposing it gives it back unless it was kept. */
export interface ReservedAccount extends Disposable {
  /** Uid and gid. */
  readonly id: number;
  /** To be called when an installation has it, for as long as anything of that is on disk. */
  keep(): void;
}

/**
 * Which numbers of a range no installation has.
 *
 * The disk is the record: the group of an installation's directory, whatever that is named by now and whatever became of
 * its documents, and what these say. So a number is free when the last of its files is gone, and a document that was
 * damaged frees none. The disk is read when a number is first asked for, and again after something was removed. They are
 * given out in turn, so that what was forgotten elsewhere under a number finds no new owner soon.
 */
export class AccountPool {
  readonly #context: LayoutContext;
  readonly #root: string;
  readonly #turns = new KeyedMutex();
  readonly #reserved = new Set<number>();
  /** Undefined: the disk has to be read. */
  #used: Set<number> | undefined;
  /** Counts what may have changed on disk, so that what was read before that is not believed. */
  #changes = 0;
  #last = 0;

  constructor(context: LayoutContext, root: string) {
    this.#context = context;
    this.#root = root;
  }

  /**
   * Reserves a number.
   *
   * @throws NodeError `ACCOUNTS_EXHAUSTED` when all are in use
   */
  async reserve(range: AccountRange): Promise<ReservedAccount> {
    return await this.#context.attempt("allocating an account", async () => {
      using _ = await this.#turns.acquire("");
      const used = await this.#upToDate();
      const id = this.#free(range, used);
      if (id === undefined) {
        throw new NodeError(
          "ACCOUNTS_EXHAUSTED",
          `every account of ${formatAccountRange(range)} has files on this node; reset it, or widen the range`,
        );
      }
      this.#last = id;
      this.#reserved.add(id);
      return {
        id,
        keep: () => {
          this.#reserved.delete(id);
          this.#used?.add(id);
          this.#changes += 1;
        },
        [Symbol.dispose]: () => {
          if (this.#reserved.delete(id)) {
            // An installation that failed late may have left something that could not be taken back.
            this.forget();
          }
        },
      };
    });
  }

  /** To be called when installations may be gone. */
  forget(): void {
    this.#used = undefined;
    this.#changes += 1;
  }

  async #upToDate(): Promise<Set<number>> {
    while (!this.#used) {
      const before = this.#changes;
      const used = await this.#read();
      if (before === this.#changes) {
        this.#used = used;
      }
    }
    return this.#used;
  }

  /** The next one above all that are or were in use, else the lowest. */
  #free({ first, last }: AccountRange, used: ReadonlySet<number>): number | undefined {
    const isFree = (id: number) => !used.has(id) && !this.#reserved.has(id);
    let highest = this.#last;
    for (const id of used) {
      highest = id <= last && id > highest ? id : highest;
    }
    for (let id = Math.max(first, highest + 1); id <= last; id += 1) {
      if (isFree(id)) {
        return id;
      }
    }
    for (let id = first; id <= last; id += 1) {
      if (isFree(id)) {
        return id;
      }
    }
    return undefined;
  }

  async #read(): Promise<Set<number>> {
    const found: number[][] = [];
    for (const app of await this.#directories(this.#root)) {
      if (isTemporary(basename(app))) {
        found.push(await this.#idsBelow(app));
      } else if (isAppDirName(basename(app))) {
        const installations = await this.#directories(app);
        found.push(...(await Array.fromAsync(boundedMap(installations, (dir) => this.#idsOf(dir)))));
      }
    }
    return new Set(found.flat());
  }

  async #idsOf(dir: string): Promise<number[]> {
    return isTemporary(basename(dir))
      ? await this.#idsBelow(dir)
      : [...(await this.#groupOf(dir)), ...(await this.#recordedIn(dir))];
  }

  /** Of something half removed, in which the directories that said it may be gone and others not. */
  async #idsBelow(dir: string): Promise<number[]> {
    const below = await Array.fromAsync(boundedMap(await this.#directories(dir), (sub) => this.#idsBelow(sub)));
    return [...(await this.#groupOf(dir)), ...below.flat()];
  }

  async #groupOf(dir: string): Promise<number[]> {
    const stat = await orUndefined(this.#context.fs.stat(dir));
    return stat ? [stat.gid] : [];
  }

  async #directories(dir: string): Promise<string[]> {
    const entries = await orUndefined<readonly Entry[]>(this.#context.fs.readdir(dir));
    return (entries ?? []).filter(({ kind }) => kind === "directory").map(({ name }) => join(dir, name));
  }

  async #recordedIn(dir: string): Promise<number[]> {
    try {
      const { account } = (await readDocument(this.#context.fs, join(dir, "settings.json"), settingsDocument)).value;
      return account ? [account.uid, account.gid] : [];
    } catch (error) {
      // Missing or damaged: the group of the directory says it as well.
      if (error instanceof NodeError || isErrno(error, "ENOENT")) {
        return [];
      }
      throw error;
    }
  }
}

function isTemporary(name: string): boolean {
  return name.startsWith(INCOMING) || name.startsWith(DELETED);
}

/** What a removal that is under way may take from under us. */
async function orUndefined<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) {
      return undefined;
    }
    throw error;
  }
}
