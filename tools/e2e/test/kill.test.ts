import { describe, expect, test } from "vitest";
import type { KillOperation } from "../src/kill-operation.ts";
import { KILL_OPERATIONS } from "../src/kill-operations.ts";
import { KILL_OWN_OPERATIONS, movingItself } from "../src/kill-own-operations.ts";
import { killAtEachStep } from "../src/kill-run.ts";

// The long form, with verbs that only read, both shutdown policies and kills of the recovering manager, is
// `node --conditions=@nodemanager/source tools/e2e/src/kill-matrix.ts`.

// A hang, not a machine that others use as well.
const TIMEOUT_MS = 300_000;

describe.concurrent("a manager that is killed", () => {
  test.each(KILL_OPERATIONS.map(({ name }) => name))(
    "before each step of %s leaves no unknown process and nothing half there",
    { timeout: TIMEOUT_MS },
    async (name) => {
      const report = await killAtEachStep(named(name), { when: "before", reads: false, shutdownPolicy: "suspend" });
      expect(report.violations).toEqual([]);
      // Fewer would mean that the switch misses what it is to hit.
      expect(report.kills).toBeGreaterThan(7);
    },
  );

  // After a step and before the next one, the processes are worked on.
  test.each(["start", "suspend", "stop", "update of a running instance"])(
    "after each step of %s leaves no unknown process and nothing half there",
    { timeout: TIMEOUT_MS },
    async (name) => {
      const report = await killAtEachStep(named(name), { when: "after", reads: false, shutdownPolicy: "leave" });
      expect(report.violations).toEqual([]);
      expect(report.kills).toBeGreaterThan(7);
    },
  );

  // Each kill is followed by two more managers, and another move: the long form takes every step.
  test.each([
    ["update nm", "before", 13],
    ["revert nm", "after", 3],
  ] as const)(
    "%s: %s some of the steps, and the old version or the new one works",
    { timeout: 600_000 },
    async (name, when, stride) => {
      const o = { when, reads: false, shutdownPolicy: "suspend", own: movingItself, stride } as const;
      const report = await killAtEachStep(named(name), o);
      expect(report.violations).toEqual([]);
      expect(report.kills).toBeGreaterThan(2);
    },
  );

  test("is found out when it builds an instance in its final place", { timeout: TIMEOUT_MS }, async () => {
    const report = await killAtEachStep(named("start"), {
      when: "after",
      reads: false,
      shutdownPolicy: "suspend",
      bug: "torn-publish",
    });
    expect(report.violations.join("\n")).toMatch(/is BROKEN/);
  });
});

function named(name: string): KillOperation {
  const operation = [...KILL_OPERATIONS, ...KILL_OWN_OPERATIONS].find((one) => one.name === name);
  if (!operation) {
    throw new Error(`there is no operation ${name}`);
  }
  return operation;
}
