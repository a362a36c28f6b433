import { setImmediate as nextTurn } from "node:timers/promises";
import { KeyedMutex } from "@nodemanager/core";
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { reasonOf } from "./failure.ts";

test("a key has one holder, and other keys are free", () => {
  const mutex = new KeyedMutex();
  using held = mutex.tryAcquire("a");
  expect(held).toBeDefined();
  expect(mutex.tryAcquire("a")).toBeUndefined();
  using other = mutex.tryAcquire("b");
  expect(other).toBeDefined();
});

test("a key is free again when its holder is disposed, and only then", async () => {
  const mutex = new KeyedMutex();
  {
    using _ = await mutex.acquire("a");
    expect(mutex.tryAcquire("a")).toBeUndefined();
  }
  expect(mutex.tryAcquire("a")).toBeDefined();
});

test("disposing twice does not free the key of the next holder", async () => {
  const mutex = new KeyedMutex();
  const first = await mutex.acquire("a");
  first[Symbol.dispose]();
  const second = mutex.tryAcquire("a");
  first[Symbol.dispose]();
  expect(second).toBeDefined();
  expect(mutex.tryAcquire("a")).toBeUndefined();
});

test("who comes by does not overtake who waits", async () => {
  const mutex = new KeyedMutex();
  const first = await mutex.acquire("a");
  const waiting = mutex.acquire("a");
  first[Symbol.dispose]();
  expect(mutex.tryAcquire("a")).toBeUndefined();
  using second = await waiting;
  expect(second).toBeDefined();
});

test("who gives up while waiting is out of the queue, and the others keep their places", async () => {
  const mutex = new KeyedMutex();
  const first = await mutex.acquire("a");
  const order: string[] = [];
  const wait = async (name: string, signal?: AbortSignal) => {
    using _ = await mutex.acquire("a", signal);
    order.push(name);
  };
  const controller = new AbortController();
  const [second, third, fourth] = [wait("second"), reasonOf(wait("third", controller.signal)), wait("fourth")];
  controller.abort();
  expect(await third).toBe("CANCELLED");
  first[Symbol.dispose]();
  await Promise.all([second, fourth]);
  expect(order).toEqual(["second", "fourth"]);
  expect(mutex.tryAcquire("a")).toBeDefined();
});

test("an aborted signal gets no key, not even a free one", async () => {
  const mutex = new KeyedMutex();
  expect(await reasonOf(mutex.acquire("a", AbortSignal.abort()))).toBe("CANCELLED");
  expect(mutex.tryAcquire("a")).toBeDefined();
});

test("a signal that aborts once the key is held changes nothing, and nothing listens to it", async () => {
  const mutex = new KeyedMutex();
  const controller = new AbortController();
  const remove = vi.spyOn(controller.signal, "removeEventListener");
  const first = await mutex.acquire("a");
  const waiting = mutex.acquire("a", controller.signal);
  first[Symbol.dispose]();
  controller.abort();
  using second = await waiting;
  expect(second).toBeDefined();
  expect(remove).toHaveBeenCalledTimes(1);
  expect(mutex.tryAcquire("a")).toBeUndefined();
});

test("whatever comes and goes, there is one holder at a time and they are served in order", async () => {
  const arrival = fc.record({ key: fc.constantFrom("a", "b"), turns: fc.nat(3), abort: fc.option(fc.nat(3)) });
  await fc.assert(
    fc.asyncProperty(fc.array(arrival, { maxLength: 12 }), async (arrivals) => {
      const mutex = new KeyedMutex();
      const holders = new Map<string, number>();
      const served: { readonly key: string; readonly place: number }[] = [];
      const come = async ({ key, turns, abort }: (typeof arrivals)[number], place: number) => {
        const controller = new AbortController();
        const gone = abort === null ? undefined : turnsPass(abort).then(() => controller.abort());
        try {
          using _ = await mutex.acquire(key, controller.signal);
          holders.set(key, (holders.get(key) ?? 0) + 1);
          expect(holders.get(key)).toBe(1);
          served.push({ key, place });
          await turnsPass(turns);
          holders.set(key, 0);
        } catch (error) {
          expect(error).toHaveProperty("reason", "CANCELLED");
        }
        await gone;
      };
      await Promise.all(arrivals.map(come));
      for (const key of ["a", "b"]) {
        const places = served.filter((one) => one.key === key).map(({ place }) => place);
        expect(places).toEqual(places.toSorted((a, b) => a - b));
        expect(mutex.tryAcquire(key)).toBeDefined();
      }
      const staying = arrivals.flatMap(({ abort }, place) => (abort === null ? [place] : []));
      expect(served.map(({ place }) => place)).toEqual(expect.arrayContaining(staying));
    }),
  );
});

async function turnsPass(turns: number): Promise<void> {
  for (let i = 0; i < turns; i++) {
    await nextTurn();
  }
}
