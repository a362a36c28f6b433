/**
 * Iterates several sources at the same time, at most `limit` of them, and yields what they yield as it comes. Sources
 * are started in order. When the consumer stops, so do the sources that run.
 *
 * @throws what a source throws, after stopping the others
 */
export async function* merge<T>(
  sources: readonly (() => AsyncIterable<T>)[],
  limit: number,
): AsyncGenerator<T, void, undefined> {
  const waiting = [...sources];
  const running = new Map<AsyncIterator<T>, Promise<Step<T>>>();
  const startOne = () => {
    const iterator = waiting.shift()?.()[Symbol.asyncIterator]();
    if (iterator) {
      running.set(iterator, step(iterator));
    }
  };
  for (let i = 0; i < limit; i++) {
    startOne();
  }
  try {
    while (running.size > 0) {
      const { iterator, result } = await Promise.race(running.values());
      // Behind the others, so that one that always has something does not keep them waiting.
      running.delete(iterator);
      if (result.done) {
        startOne();
      } else {
        running.set(iterator, step(iterator));
        yield result.value;
      }
    }
  } finally {
    await Promise.allSettled(Array.from(running.keys(), (iterator) => iterator.return?.()));
  }
}

interface Step<T> {
  readonly iterator: AsyncIterator<T>;
  readonly result: IteratorResult<T>;
}

async function step<T>(iterator: AsyncIterator<T>): Promise<Step<T>> {
  return { iterator, result: await iterator.next() };
}
