import { setImmediate } from "node:timers/promises";

/** How many objects are read at the same time. */
const AT_ONCE = 32;

/**
 * What `work` makes of each item, in order, a bounded number at a time and ahead of the consumer. Lets other work of the
 * process run in between, however many there are.
 */
export async function* boundedMap<T, R>(items: readonly T[], work: (item: T) => Promise<R>): AsyncIterable<R> {
  for (let start = 0; start < items.length; start += AT_ONCE) {
    if (start > 0) {
      await setImmediate();
    }
    yield* await Promise.all(items.slice(start, start + AT_ONCE).map(work));
  }
}
