import { EventQueue } from "./event-queue.ts";

/** The full name of an object that changed. */
export type Change = string;

/** Tells everyone who watches which objects changed. A watcher reads the object itself, so names are enough. */
export class ChangeHub {
  readonly #watchers = new Set<EventQueue<Change>>();

  publish(name: Change): void {
    for (const watcher of this.#watchers) {
      watcher.push(name);
    }
  }

  /** Everything published from now on, until the signal aborts or the hub closes. */
  subscribe(signal?: AbortSignal): AsyncIterable<Change> {
    const queue = new EventQueue<Change>((waiting, next) => waiting === next);
    this.#watchers.add(queue);
    const leave = () => {
      this.#watchers.delete(queue);
      queue.end();
    };
    signal?.addEventListener("abort", leave, { once: true });
    if (signal?.aborted) {
      leave();
    }
    return queue;
  }

  /** Ends every subscription. */
  close(): void {
    for (const watcher of this.#watchers) {
      watcher.end();
    }
    this.#watchers.clear();
  }
}
