import { EventQueue } from "./event-queue.ts";

/** The full name of an object that changed. */
export type Change = string;

/**
 * Tells everyone who watches which objects changed. A watcher reads the object itself, so names are enough, and an
 * object that changes often waits once.
 */
export class ChangeHub {
  readonly #watchers = new Set<EventQueue<Change>>();
  #closed = false;

  publish(name: Change): void {
    for (const watcher of this.#watchers) {
      watcher.push(name);
    }
  }

  /** Everything published from now on, until the signal aborts or the hub closes. */
  subscribe(signal?: AbortSignal): AsyncIterable<Change> {
    const queue = new EventQueue<Change>((name) => name);
    const leave = () => {
      this.#watchers.delete(queue);
      queue.end();
    };
    if (this.#closed || signal?.aborted) {
      queue.end();
      return queue;
    }
    this.#watchers.add(queue);
    signal?.addEventListener("abort", leave, { once: true });
    return queue;
  }

  /** Ends every subscription. */
  close(): void {
    this.#closed = true;
    for (const watcher of this.#watchers) {
      watcher.end();
    }
    this.#watchers.clear();
  }
}
