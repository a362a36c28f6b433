/**
 * What one side pushes and the other iterates, once. Nothing blocks the producer; of items with the same key only the
 * latest waits, so that a slow consumer piles up no more than there are keys.
 */
export class EventQueue<T> implements AsyncIterable<T> {
  readonly #waiting = new Map<string | number, T>();
  readonly #keyOf: (item: T) => string | undefined;
  #pushed = 0;
  #state:
    | { readonly kind: "open" }
    | { readonly kind: "ended" }
    | { readonly kind: "failed"; readonly error: unknown } = { kind: "open" };
  #wake: (() => void) | undefined;

  /** @param keyOf - what makes a waiting item outdated by the next one with the same key; `undefined` for none */
  constructor(keyOf: (item: T) => string | undefined = () => undefined) {
    this.#keyOf = keyOf;
  }

  /** After the end nothing is taken any more. */
  push(item: T): void {
    if (this.#state.kind !== "open") {
      return;
    }
    // The place of an outdated item is taken over, so nobody who pushes often is put off for ever.
    this.#waiting.set(this.#keyOf(item) ?? this.#pushed, item);
    this.#pushed++;
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
      const next = this.#waiting.entries().next();
      if (!next.done) {
        const [key, item] = next.value;
        this.#waiting.delete(key);
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
