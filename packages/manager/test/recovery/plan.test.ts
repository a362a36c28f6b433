import { newInstallationId, newInstanceId, parseTitle } from "@nodemanager/core";
import type { InstanceRecord, InstanceState } from "@nodemanager/layout";
import fc from "fast-check";
import { expect, test } from "vitest";
import { planInstance } from "../../src/recovery/plan.ts";

const at = new Date("2026-11-22T09:15:00Z");
const launch = { attempt: "a", process: { pid: 7, startTicks: 1, bootId: "b" }, startedAt: at };
const ready = { attempt: "a", at };
const suspension = { by: "operator", why: "asked", at } as const;

function record(state: InstanceState): InstanceRecord {
  return {
    kind: "instance",
    name: { kind: "instance", title: parseTitle("t"), installation: newInstallationId(), instance: newInstanceId() },
    dir: "/d",
    rootDir: "/d/root",
    logsDir: "/d/logs",
    createdAt: at,
    versionDir: "0001-20261122T091500Z",
    ...state,
  };
}

const states: readonly InstanceState[] = [
  { state: "suspended" },
  { state: "suspended", suspension },
  { state: "starting", launch },
  { state: "running", launch, ready },
  { state: "suspending", launch },
  { state: "stopping" },
  { state: "stopping", launch },
  { state: "stopped", at },
];
const facts = fc.record({
  alive: fc.boolean(),
  sameBoot: fc.boolean(),
  policy: fc.constantFrom("suspend" as const, "leave" as const),
});

test("what an operator suspended stays suspended, whatever happened", () => {
  fc.assert(
    fc.property(facts, (found) => {
      expect(planInstance(record({ state: "suspended", suspension }), found)).toBe("leave");
    }),
  );
});

test("what was wanted and has no process is resumed", () => {
  fc.assert(
    fc.property(facts, (found) => {
      expect(planInstance(record({ state: "suspended" }), found)).toBe("resume");
    }),
  );
});

test("a running instance is taken over or moved under the new manager, by policy", () => {
  const running = record({ state: "running", launch, ready });
  expect(planInstance(running, { alive: true, sameBoot: true, policy: "leave" })).toBe("adopt");
  expect(planInstance(running, { alive: true, sameBoot: true, policy: "suspend" })).toBe("suspendAndResume");
});

test("an instance that the node's own end took down is resumed; one that ended by itself is not", () => {
  const running = record({ state: "running", launch, ready });
  for (const policy of ["suspend", "leave"] as const) {
    expect(planInstance(running, { alive: false, sameBoot: false, policy })).toBe("recordExitAndResume");
    expect(planInstance(running, { alive: false, sameBoot: true, policy })).toBe("recordExit");
  }
});

test("only what is alive is taken over", () => {
  fc.assert(
    fc.property(facts, fc.constantFrom(...states), (found, state) => {
      const action = planInstance(record(state), found);
      if (action === "adopt" || action === "suspendAndResume") {
        expect(found.alive && state.state === "running").toBe(true);
      }
    }),
  );
});

test("every claimed end is followed through", () => {
  fc.assert(
    fc.property(facts, (found) => {
      expect(planInstance(record({ state: "stopping", launch }), found)).toBe("finishStop");
      expect(planInstance(record({ state: "stopping" }), found)).toBe("finishStop");
      expect(planInstance(record({ state: "suspending", launch }), found)).toBe("finishSuspend");
    }),
  );
});

test("what is on trial and did not come to hold goes back, whatever stopped it, and what does hold stays", () => {
  const move = { from: "0001-20261122T091500Z", to: "0002-20261122T091500Z", at, trial: true };
  fc.assert(
    fc.property(facts, (found) => {
      for (const state of [{ state: "suspended" }, { state: "suspended", suspension }] as const) {
        expect(planInstance({ ...record(state), move }, found)).toBe("goBack");
      }
      const running = planInstance({ ...record({ state: "running", launch, ready }), move }, found);
      const alive = found.policy === "leave" ? "adopt" : "suspendAndResume";
      expect(running).toBe(found.alive ? alive : "recordExitAndResume");
    }),
  );
});
