import { NodeError } from "@nodemanager/core";
import { collect, reasonOf } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { runBatch, type Task } from "../src/batch.ts";

const never = new AbortController().signal;
const done = (name: string): Task => ({ name, run: async () => ({ object: name, note: "" }) });
const fails = (name: string): Task => ({
  name,
  run: async () => {
    throw new NodeError("INSTANCE_RUNNING", "it runs");
  },
});

test("each object ends with one outcome or one error", async () => {
  const events = await collect(
    runBatch([done("a"), fails("b"), done("c")], { signal: never, interrupt: never, single: false, parallel: 2 }),
  );
  const ends = events.map((event) => [event.name, event.kind]).sort();
  expect(ends).toEqual([
    ["a", "outcome"],
    ["b", "error"],
    ["c", "outcome"],
  ]);
});

test("a single object's failure is thrown", async () => {
  const events = runBatch([fails("a")], { signal: never, interrupt: never, single: true, parallel: 1 });
  expect(await reasonOf(collect(events))).toBe("INSTANCE_RUNNING");
});

test("no more than so many are worked on at a time", async () => {
  let now = 0;
  let most = 0;
  const task = (name: string): Task => ({
    name,
    run: async () => {
      most = Math.max(most, ++now);
      await new Promise(setImmediate);
      now--;
      return { object: name, note: "" };
    },
  });
  const names = Array.from({ length: 20 }, (_, i) => `i${i}`);
  await collect(runBatch(names.map(task), { signal: never, interrupt: never, single: false, parallel: 4 }));
  expect(most).toBe(4);
});

test("what has not begun when the signal aborts does not begin", async () => {
  const abort = new AbortController();
  const begun: string[] = [];
  const task = (name: string): Task => ({
    name,
    run: async () => {
      begun.push(name);
      abort.abort();
      return { object: name, note: "" };
    },
  });
  const events = await collect(
    runBatch([task("a"), task("b"), task("c")], { signal: abort.signal, interrupt: never, single: false, parallel: 1 }),
  );
  expect(begun).toEqual(["a"]);
  expect(events.map((event) => (event.kind === "error" ? event.error.reason : event.kind))).toEqual([
    "outcome",
    "CANCELLED",
    "CANCELLED",
  ]);
});

test("a failed system call is told by what it means, not by its path", async () => {
  const task: Task = {
    name: "a",
    run: async () => {
      throw Object.assign(new Error("ENOSPC: no space left on device, write '/secret'"), { code: "ENOSPC" });
    },
  };
  const [event] = await collect(runBatch([task], { signal: never, interrupt: never, single: false, parallel: 1 }));
  expect(event?.kind === "error" && [event.error.reason, event.error.message]).toEqual([
    "DISK_FULL",
    "a: no space left on the disk",
  ]);
});
