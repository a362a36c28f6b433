import { NodeError } from "@nodemanager/core";

/** How far an orderly stop is. What the numbers count is the application's choice. */
export interface Task {
  readonly progress: number;
  readonly goal: number;
}

/**
 * Says how far it is. Both numbers are rounded down to whole ones from 0 to 4294967295; neither ever goes back, so a
 * smaller one than before is taken as that one; a goal may grow.
 */
export type Report = (progress: number, goal: number) => void;

const UINT32_MAX = 0xffff_ffff;
// More than anybody reports between two reads; a watcher that is slower than that misses the oldest.
const QUEUE_MAX = 64;

/**
 * The orderly stop of an application: done once, whoever asks for it and however often, and watched by any number.
 */
export class StopTask {
  readonly #work: (report: Report) => Promise<void> | void;
  readonly #watchers = new Set<Watcher>();
  #done: Promise<void> | undefined;
  #latest: Task | undefined;

  constructor(work: (report: Report) => Promise<void> | void) {
    this.#work = work;
  }

  get hasBegun(): boolean {
    return this.#done !== undefined;
  }

  /** Begins the work unless it has begun, and waits until it is done. Rejects with what the work threw. */
  run(): Promise<void> {
    this.#done ??= this.#start();
    return this.#done;
  }

  /**
   * Begins the work unless it has begun, and gives its progress: where it is now, if it has said so, and then every
   * change. Ends when the work is done.
   *
   * @throws NodeError `CHILD_REPORTED_FAILURE` when the work failed
   */
  async *watch(signal?: AbortSignal): AsyncGenerator<Task, void> {
    // Watching begins before the work does: its first words are not to be lost.
    const watcher = new Watcher(this.#latest);
    this.#watchers.add(watcher);
    const onAbort = () => watcher.end();
    signal?.addEventListener("abort", onAbort, { once: true });
    const done = this.run();
    done.then(onAbort, onAbort);
    try {
      yield* watcher.tasks();
      if (!signal?.aborted) {
        await done;
      }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new NodeError("CHILD_REPORTED_FAILURE", `the orderly stop failed: ${why}`, { cause: error });
    } finally {
      signal?.removeEventListener("abort", onAbort);
      this.#watchers.delete(watcher);
    }
  }

  async #start(): Promise<void> {
    // Not before the promise is known: the work itself may ask to stop again.
    await Promise.resolve();
    await this.#work((progress, goal) => this.#report(progress, goal));
  }

  #report(progress: number, goal: number): void {
    const before = this.#latest ?? { progress: 0, goal: 0 };
    const task = { progress: advance(before.progress, progress), goal: advance(before.goal, goal) };
    if (this.#latest && task.progress === before.progress && task.goal === before.goal) {
      return;
    }
    this.#latest = task;
    for (const watcher of this.#watchers) {
      watcher.push(task);
    }
  }
}

/** What one watcher has not read yet. */
class Watcher {
  readonly #queue: Task[];
  #ended = false;
  #wake: () => void = () => {};

  constructor(latest: Task | undefined) {
    this.#queue = latest ? [latest] : [];
  }

  push(task: Task): void {
    this.#queue.push(task);
    if (this.#queue.length > QUEUE_MAX) {
      this.#queue.shift();
    }
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *tasks(): AsyncGenerator<Task, void> {
    for (;;) {
      const task = this.#queue.shift();
      if (task) {
        yield task;
      } else if (this.#ended) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

function advance(before: number, now: number): number {
  return Number.isFinite(now) ? Math.min(UINT32_MAX, Math.max(before, Math.floor(now))) : before;
}
