import { NodeError, systemClock } from "@nodemanager/core";
import { expect, test, vi } from "vitest";
import { reasonOf } from "./failure.ts";

test("the clock is the machine's", () => {
  const before = Date.now();
  const [now, first, second] = [systemClock.now().getTime(), systemClock.monotonicMs(), systemClock.monotonicMs()];
  expect(now).toBeGreaterThanOrEqual(before);
  expect(now).toBeLessThanOrEqual(Date.now());
  expect(second).toBeGreaterThanOrEqual(first);
});

test("a sleep lasts as long as it was asked to", async () => {
  const start = systemClock.monotonicMs();
  await systemClock.sleep(20);
  // Timers count whole milliseconds.
  expect(systemClock.monotonicMs() - start).toBeGreaterThanOrEqual(19);
});

test("a sleep ends with its signal, for the signal's reason", async () => {
  const controller = new AbortController();
  const sleeping = reasonOf(systemClock.sleep(60_000, controller.signal));
  controller.abort(new NodeError("DEADLINE_EXCEEDED", "too late"));
  expect(await sleeping).toBe("DEADLINE_EXCEEDED");
  expect(await reasonOf(systemClock.sleep(60_000, AbortSignal.abort()))).toBe("CANCELLED");
  expect(await reasonOf(systemClock.sleep(0, AbortSignal.abort()))).toBe("CANCELLED");
});

test("a sleep of longer than a timer of Node can wait does not end at once", async () => {
  const warned = vi.fn<(warning: Error) => void>();
  process.on("warning", warned);
  const controller = new AbortController();
  const sleeping = reasonOf(systemClock.sleep(2 ** 40, controller.signal));
  await systemClock.sleep(20);
  controller.abort();
  expect(await sleeping).toBe("CANCELLED");
  process.off("warning", warned);
  expect(warned).not.toHaveBeenCalled();
});
