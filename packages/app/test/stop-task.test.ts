import { collect, reasonOf } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { type Report, StopTask, type Task } from "../src/stop-task.ts";

/** A task whose work goes on as the test says. */
function heldTask(): { task: StopTask; report: Promise<Report>; finish: (error?: Error) => void } {
  const report = Promise.withResolvers<Report>();
  const work = Promise.withResolvers<void>();
  const task = new StopTask((given) => {
    report.resolve(given);
    return work.promise;
  });
  const finish = (error?: Error) => (error ? work.reject(error) : work.resolve());
  return { task, report: report.promise, finish };
}

test("every watcher gets where the work is and every change after, and ends with it", async () => {
  const { task, report: reported, finish } = heldTask();
  const first = collect(task.watch());
  const report = await reported;
  report(1, 4);
  const second = collect(task.watch());
  report(2, 4);
  finish();
  const both: Task[] = [
    { progress: 1, goal: 4 },
    { progress: 2, goal: 4 },
  ];
  expect(await first).toEqual(both);
  expect(await second).toEqual(both);
});

test("progress never goes back, a goal may grow, and what is no change is not told", async () => {
  const { task, report: reported, finish } = heldTask();
  const seen = collect(task.watch());
  const report = await reported;
  report(5, 10);
  report(3, 10);
  report(5, 8);
  report(Number.NaN, Number.POSITIVE_INFINITY);
  report(5.9, 20.2);
  report(1e12, 20);
  finish();
  expect(await seen).toEqual([
    { progress: 5, goal: 10 },
    { progress: 5, goal: 20 },
    { progress: 0xffff_ffff, goal: 20 },
  ]);
});

test("who watches after the end sees where it ended", async () => {
  const { task, report, finish } = heldTask();
  const running = task.run();
  (await report)(4, 4);
  finish();
  await running;
  expect(await collect(task.watch())).toEqual([{ progress: 4, goal: 4 }]);
});

test("a watcher that does not read holds up nobody and misses the oldest", async () => {
  const { task, report: reported, finish } = heldTask();
  const slow = task.watch()[Symbol.asyncIterator]();
  const first = slow.next();
  const report = await reported;
  report(0, 1000);
  await first;
  for (let progress = 1; progress <= 1000; progress++) {
    report(progress, 1000);
  }
  finish();
  const rest: number[] = [];
  for (let next = await slow.next(); !next.done; next = await slow.next()) {
    rest.push(next.value.progress);
  }
  expect(rest).toHaveLength(64);
  expect(rest.at(-1)).toBe(1000);
});

test("a failure reaches every watcher", async () => {
  const { task, finish } = heldTask();
  const watchers = [collect(task.watch()), collect(task.watch())];
  finish(new Error("disk gone"));
  expect(await Promise.all(watchers.map((watcher) => reasonOf(watcher)))).toEqual([
    "CHILD_REPORTED_FAILURE",
    "CHILD_REPORTED_FAILURE",
  ]);
});

test("a watcher that gives up ends at once, and the work goes on", async () => {
  const { task, report, finish } = heldTask();
  const controller = new AbortController();
  const seen = collect(task.watch(controller.signal));
  await report;
  controller.abort();
  expect(await seen).toEqual([]);
  finish();
  await task.run();
});
