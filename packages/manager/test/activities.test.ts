import { reasonOf } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { Activities } from "../src/activities.ts";

test("what is under way is interrupted and waited for, also what it begins meanwhile", async () => {
  const activities = new Activities();
  const interrupt = activities.enter();
  const ends: string[] = [];
  void activities.track(
    new Promise<void>((resolve) => {
      interrupt.addEventListener("abort", () => {
        void activities.track(Promise.resolve().then(() => ends.push("second")));
        ends.push("first");
        resolve();
      });
    }),
  );
  activities.close();
  await activities.settled();
  expect(ends).toEqual(["first", "second"]);
  expect(await reasonOf(() => activities.enter())).toBe("SHUTTING_DOWN");
  expect(await reasonOf(() => activities.close())).toBe("SHUTTING_DOWN");
  expect(await reasonOf(() => activities.takeOver())).toBe("SHUTTING_DOWN");
});

test("whoever takes over is alone until they let go", async () => {
  const activities = new Activities();
  const before = activities.enter();
  {
    using alone = await activities.takeOver();
    expect(before.aborted).toBe(true);
    expect(alone.interrupt.aborted).toBe(false);
    expect(await reasonOf(() => activities.enter())).toBe("OPERATION_IN_PROGRESS");
    expect(await reasonOf(() => activities.takeOver())).toBe("OPERATION_IN_PROGRESS");
  }
  expect(activities.enter().aborted).toBe(false);
});

test("a shutdown interrupts whoever has taken over", async () => {
  const activities = new Activities();
  using alone = await activities.takeOver();
  activities.close();
  expect(alone.interrupt.aborted).toBe(true);
});
