import { expect, test } from "vitest";
import { EventQueue } from "../src/event-queue.ts";

test("a consumer gets everything that was pushed before and after it came, in order", async () => {
  const queue = new EventQueue<number>();
  queue.push(1);
  const consumed = Array.fromAsync(queue);
  queue.push(2);
  await Promise.resolve();
  queue.push(3);
  queue.end();
  expect(await consumed).toEqual([1, 2, 3]);
});

test("of items with one key the latest waits, in the place of the first", async () => {
  const queue = new EventQueue<{ name: string; done: number }>((item) => item.name);
  queue.push({ name: "a", done: 1 });
  queue.push({ name: "b", done: 1 });
  queue.push({ name: "a", done: 2 });
  queue.end();
  expect(await Array.fromAsync(queue)).toEqual([
    { name: "a", done: 2 },
    { name: "b", done: 1 },
  ]);
});

test("what has been taken makes room for the next with its key", async () => {
  const queue = new EventQueue<{ name: string; done: number }>((item) => item.name);
  const items = queue[Symbol.asyncIterator]();
  queue.push({ name: "a", done: 1 });
  expect((await items.next()).value).toEqual({ name: "a", done: 1 });
  queue.push({ name: "a", done: 2 });
  expect((await items.next()).value).toEqual({ name: "a", done: 2 });
});

test("a failure comes after what was pushed before it", async () => {
  const queue = new EventQueue<number>();
  queue.push(1);
  queue.fail(new Error("broken"));
  queue.push(2);
  const seen: number[] = [];
  const consume = async () => {
    for await (const item of queue) {
      seen.push(item);
    }
  };
  await expect(consume()).rejects.toThrow("broken");
  expect(seen).toEqual([1]);
});
