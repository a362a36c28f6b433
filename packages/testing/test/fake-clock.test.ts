import { NodeError } from "@nodemanager/core";
import { FakeClock, reasonOf } from "@nodemanager/testing";
import { expect, test } from "vitest";

test("a sleeper wakes when its time has come, not before", async () => {
  const clock = new FakeClock();
  const woken: number[] = [];
  const sleep = async (ms: number) => {
    await clock.sleep(ms);
    woken.push(ms);
  };
  const sleeping = [sleep(100), sleep(50), sleep(200)];
  clock.advance(49);
  expect(clock.sleepers).toBe(3);
  clock.advance(51);
  await Promise.all(sleeping.slice(0, 2));
  expect(woken.toSorted()).toEqual([100, 50]);
  expect(clock.sleepers).toBe(1);
  clock.advance(100);
  await Promise.all(sleeping);
});

test("a sleeper whose signal aborts is gone, for the signal's reason", async () => {
  const clock = new FakeClock();
  const controller = new AbortController();
  const sleeping = reasonOf(clock.sleep(100, controller.signal));
  controller.abort(new NodeError("DEADLINE_EXCEEDED", "too late"));
  expect(await sleeping).toBe("DEADLINE_EXCEEDED");
  expect(clock.sleepers).toBe(0);
  expect(await reasonOf(clock.sleep(1, AbortSignal.abort()))).toBe("CANCELLED");
});

test("the wall clock moves with it, and can jump without it", () => {
  const clock = new FakeClock("2026-11-22T09:15:00.000Z");
  clock.advance(1500);
  expect(clock.now().toISOString()).toBe("2026-11-22T09:15:01.500Z");
  clock.jump("1970-01-01T00:00:00.000Z");
  expect(clock.now().getTime()).toBe(0);
  expect(clock.monotonicMs()).toBe(1500);
});
