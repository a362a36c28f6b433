/**
 * What one side pushes and the other iterates, once. Nothing is lost and nothing blocks the producer; `coalesce` keeps
 * a slow consumer from piling up items of which only the latest matters.
 */
export class EventQueue<T> implements AsyncIterable<T> {
  readonly #items: T[] = [];
  readonly #replaces: (waiting: T, next: T) => boolean;
  #state:
    | { readonly kind: "open" }
    | { readonly kind: "ended" }
    | { readonly kind: "failed"; readonly error: unknown } = { kind: "open" };
  #wake: (() => void) | undefined;

  /** @param replaces - whether the last waiting item is outdated by the next one */
  constructor(replaces: (waiting: T, next: T) => boolean = () => false) {
    this.#replaces = replaces;
  }

  push(item: T): void {
    if (this.#state.kind !== "open") {
      return;
    }
    const last = this.#items.at(-1);
    if (last !== undefined && this.#replaces(last, item)) {
      this.#items.pop();
    }
    this.#items.push(item);
    this.#wake?.();
  }

  /** No more items; the consumer ends after those that wait. */
  end(): void {
    this.#settle({ kind: "ended" });
  }

  /** The consumer gets this error after the items that wait. */
  fail(error: unknown): void {
    this.#settle({ kind: "failed", error });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) {
        yield item;
        continue;
      }
      if (this.#state.kind === "failed") {
        throw this.#state.error;
      }
      if (this.#state.kind === "ended") {
        return;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }

  #settle(state: { readonly kind: "ended" } | { readonly kind: "failed"; readonly error: unknown }): void {
    if (this.#state.kind === "open") {
      this.#state = state;
      this.#wake?.();
    }
  }
}
