import { type Clock, fromErrno, type Logger, newId, type RandomBytes } from "@nodemanager/core";
import type { FsOps } from "./fs-ops.ts";

/** What the prefix says: not there yet. Nothing that has this prefix is ever read as an object. */
export const INCOMING = ".incoming-";
/** What the prefix says: not there any more. */
export const DELETED = ".deleted-";

/** What every store of one opened root shares. */
export class LayoutContext {
  readonly fs: FsOps;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: RandomBytes;
  /** In the name of everything temporary that this process makes, so that a sweep leaves its own alone. */
  readonly session: string;
  #count = 0;

  constructor(o: { fs: FsOps; clock: Clock; logger: Logger; random: RandomBytes }) {
    this.fs = o.fs;
    this.clock = o.clock;
    this.logger = o.logger;
    this.random = o.random;
    this.session = newId(o.random);
  }

  /** A name that nobody else uses: `<session>-<count>`. */
  uniqueName(): string {
    this.#count += 1;
    return `${this.session}-${this.#count}`;
  }

  /** Runs what may fail with an errno; it fails with a `NodeError` instead. */
  async attempt<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw fromErrno(error, what);
    }
  }

  /** Runs what the outcome does not depend on: a failure is logged. */
  async bestEffort(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.logger.warn(`${what} failed`, { error });
    }
  }
}
