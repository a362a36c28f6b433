import type { ExitStatus, Logger } from "@nodemanager/core";
import type { Target } from "@nodemanager/exec";

/** A process that the manager started or found again. */
export interface Live {
  readonly attempt: string;
  readonly target: Target;
  /** Never rejects. */
  readonly exited: Promise<ExitStatus>;
  /** Lets it live on without us. */
  detach(): void;
}

/** Called when a process that was being watched ended by itself. */
export type OnExit = (key: string, live: Live) => Promise<void>;

/**
 * Owns the live processes, by the full name of their instance. While an instance starts, its launcher looks after it;
 * once it is watched, its end is told to `onExit`, unless somebody removed it because they ended it themselves.
 */
export class Supervisor {
  readonly #live = new Map<string, Live>();
  readonly #handling = new Set<Promise<void>>();
  readonly #onExit: OnExit;
  readonly #logger: Logger;

  constructor(onExit: OnExit, logger: Logger) {
    this.#onExit = onExit;
    this.#logger = logger;
  }

  get size(): number {
    return this.#live.size;
  }

  add(key: string, live: Live): void {
    this.#live.set(key, live);
  }

  /** The process of an instance, if it is the one of this attempt. */
  get(key: string, attempt: string): Live | undefined {
    const live = this.#live.get(key);
    return live?.attempt === attempt ? live : undefined;
  }

  remove(key: string, attempt: string): void {
    if (this.get(key, attempt)) {
      this.#live.delete(key);
    }
  }

  /** From now on the end of this process is told. */
  watch(key: string, attempt: string): void {
    const live = this.get(key, attempt);
    if (!live) {
      return;
    }
    void live.exited.then(() => {
      if (this.get(key, attempt) !== live) {
        return;
      }
      const handling = this.#onExit(key, live)
        .catch((error) => this.#logger.error("the end of a process was not recorded", { instance: key, error }))
        .finally(() => {
          this.remove(key, attempt);
          this.#handling.delete(handling);
        });
      this.#handling.add(handling);
    });
  }

  /** Waits until every end that was noticed so far is recorded. */
  async settled(): Promise<void> {
    await Promise.all(this.#handling);
  }

  /** Lets all live processes go on without us. */
  detachAll(): void {
    for (const live of this.#live.values()) {
      live.detach();
    }
    this.#live.clear();
  }
}
