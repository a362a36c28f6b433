import fc from "fast-check";
import { expect, test } from "vitest";
import {
  INSTANCE_TRANSITIONS,
  type InstanceEvent,
  type InstanceStateName,
  nextInstanceState,
  refusalOf,
} from "../../src/machines/instance.ts";

const states = Object.keys(INSTANCE_TRANSITIONS) as InstanceStateName[];
const events: readonly InstanceEvent[] = ["launch", "ready", "failed", "suspend", "exited", "stop", "ended"];

/** Where a sequence of events leads; an event that cannot happen is passed over. */
function replay(sequence: readonly InstanceEvent[]): InstanceStateName {
  return sequence.reduce<InstanceStateName>((state, event) => nextInstanceState(state, event) ?? state, "suspended");
}

test("every state can be reached from a new instance", () => {
  const reached = new Set<InstanceStateName>(["suspended"]);
  for (const state of reached) {
    for (const event of events) {
      const next = nextInstanceState(state, event);
      if (next) {
        reached.add(next);
      }
    }
  }
  expect([...reached].sort()).toEqual([...states].sort());
});

test("stopped is final, and nothing else is", () => {
  for (const state of states) {
    const ways = events.filter((event) => nextInstanceState(state, event) !== undefined);
    expect(ways.length === 0, state).toBe(state === "stopped");
  }
});

test("an event leads to one state wherever it may come from, but for the end of a process", () => {
  for (const event of events.filter((name) => name !== "ended")) {
    const targets = new Set(states.map((state) => nextInstanceState(state, event)).filter((state) => state));
    expect(targets.size, event).toBe(1);
  }
});

test("whatever happened before, a stop that is followed through ends in stopped", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...events)), (before) => {
      // A suspend that is under way is waited for.
      const state = replay([...before, "ended", "stop", "ended"]);
      expect(state).toBe("stopped");
    }),
  );
});

test("after stop was claimed nothing runs again", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...events)), (after) => {
      const state = after.reduce<InstanceStateName>((now, event) => nextInstanceState(now, event) ?? now, "stopping");
      expect(["stopping", "stopped"]).toContain(state);
    }),
  );
});

test("only what was launched becomes ready", () => {
  for (const state of states) {
    expect(nextInstanceState(state, "ready") !== undefined).toBe(state === "starting");
  }
});

test("a request is refused just where the table has no way for it, with the reason of the state", () => {
  for (const state of states) {
    for (const request of ["launch", "suspend", "stop"] as const) {
      expect(refusalOf(state, request) === undefined).toBe(nextInstanceState(state, request) !== undefined);
    }
  }
  expect(refusalOf("running", "launch")).toBe("INSTANCE_RUNNING");
  expect(refusalOf("suspended", "suspend")).toBe("INSTANCE_NOT_RUNNING");
  expect(refusalOf("stopping", "suspend")).toBe("OPERATION_IN_PROGRESS");
  expect(refusalOf("stopped", "stop")).toBe("INSTANCE_NOT_FOUND");
});
