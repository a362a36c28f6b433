import { abortable, type ExitStatus, type Logger } from "@nodemanager/core";
import type { Target } from "@nodemanager/exec";

/** A process that the manager started or found again. */
export interface Live {
  readonly attempt: string;
  readonly target: Target;
  /** Never rejects. */
  readonly exited: Promise<ExitStatus>;
  /** The last lines of this process, where it can be told from the ones before it. */
  lastLines?(): Promise<string>;
  /** Somebody else has claimed its end: whoever waits for it to become ready waits in vain. */
  taken?(): void;
  /** Lets it live on without us. */
  detach(): void;
}

/** Records that a process ended by itself. */
export type OnExit = (key: string, live: Live) => Promise<void>;

/**
 * Owns the live processes, by the full name of their instance, from the claim of their launch until their end is on
 * disk. While an instance starts, its launcher looks after it; once it is watched, its end is told to `onExit`, unless
 * somebody has claimed that end. Costs nothing while nothing ends.
 */
export class Supervisor {
  readonly #live = new Map<string, Live>();
  readonly #taken = new WeakSet<Live>();
  /** What the manager does about an instance of its own accord. */
  readonly #settling = new Map<string, Promise<void>>();
  readonly #onExit: OnExit;
  readonly #logger: Logger;

  constructor(onExit: OnExit, logger: Logger) {
    this.#onExit = onExit;
    this.#logger = logger;
  }

  add(key: string, live: Live): void {
    this.#live.set(key, live);
  }

  /** The process of an instance, if it is the one of this attempt. */
  get(key: string, attempt: string): Live | undefined {
    const live = this.#live.get(key);
    return live?.attempt === attempt ? live : undefined;
  }

  /** The process of an instance, whichever attempt it is. */
  find(key: string): Live | undefined {
    return this.#live.get(key);
  }

  /** To be called by whoever has claimed the end of a process, before ending it: from now on its end is theirs. */
  take(key: string, attempt: string): Live | undefined {
    const live = this.get(key, attempt);
    if (live) {
      this.#taken.add(live);
      live.taken?.();
    }
    return live;
  }

  /** Whether the end of this process is still nobody's: not taken, not removed. */
  isOpen(key: string, live: Live): boolean {
    return this.#live.get(key) === live && !this.#taken.has(live);
  }

  /** To be called when the end of a process is on disk. */
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
    // Never rejects: neither does `exited`, and what goes wrong afterwards is logged.
    void live.exited.then(() => {
      if (this.isOpen(key, live)) {
        void this.settle(key, () => this.#onExit(key, live)).catch((error) =>
          this.#logger.error("the end of a process was not recorded", { instance: key, error }),
        );
      }
    });
  }

  /** Does what nobody asked for about an instance; who asks for something meanwhile can wait for it by {@link settled}. */
  async settle<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#settling.get(key);
    const working = (before ?? Promise.resolve()).then(work);
    // Those who wait for it want to know when it is over, not what came of it.
    const over = working.then(
      () => {},
      () => {},
    );
    this.#settling.set(key, over);
    try {
      return await working;
    } finally {
      if (this.#settling.get(key) === over) {
        this.#settling.delete(key);
      }
    }
  }

  /**
   * Waits until what the manager does of its own accord about an instance, or about all of them, is done: of a process
   * that was noticed to have ended, the end is on disk.
   *
   * @throws NodeError of the signal, if it aborts first
   */
  async settled(key?: string, signal?: AbortSignal): Promise<void> {
    if (key !== undefined) {
      await abortable(this.#settling.get(key) ?? Promise.resolve(), signal);
      return;
    }
    while (this.#settling.size > 0) {
      await abortable(Promise.all(this.#settling.values()), signal);
    }
  }

  /** Lets all live processes go on without us. */
  detachAll(): void {
    for (const live of this.#live.values()) {
      live.detach();
    }
    this.#live.clear();
  }
}
