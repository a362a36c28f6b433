import { type FSWatcher, watch } from "node:fs";

/**
 * Sees children that say that they run by making a file in a directory: what they do first, whoever starts them.
 */
export class Births implements Disposable {
  readonly #watcher: FSWatcher;
  readonly #seen = new Set<string>();
  #wanted = 0;
  #resolve: ((atMs: number) => void) | undefined;

  constructor(dir: string) {
    this.#watcher = watch(dir, (_, name) => {
      if (name === null || this.#seen.has(name)) {
        return;
      }
      this.#seen.add(name);
      if (this.#resolve && this.#seen.size >= this.#wanted) {
        this.#resolve(performance.now());
        this.#resolve = undefined;
      }
    });
  }

  /** When so many more will have been born. To be asked before they are started. */
  next(count: number): Promise<number> {
    this.#wanted = this.#seen.size + count;
    return new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  [Symbol.dispose](): void {
    this.#watcher.close();
  }
}
