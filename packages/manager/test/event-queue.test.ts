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

test("an item that is outdated by the next one is dropped while it waits", async () => {
  const queue = new EventQueue<{ name: string; done: number }>((a, b) => a.name === b.name);
  queue.push({ name: "a", done: 1 });
  queue.push({ name: "a", done: 2 });
  queue.push({ name: "b", done: 1 });
  queue.end();
  expect(await Array.fromAsync(queue)).toEqual([
    { name: "a", done: 2 },
    { name: "b", done: 1 },
  ]);
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
