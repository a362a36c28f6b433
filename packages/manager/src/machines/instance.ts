import type { Reason } from "@nodemanager/core";

/**
 * The life of an instance, as a table.
 *
 * ```
 *            create          launch               ready
 *   (none) ─────────► suspended ────► starting ───────► running
 *                       ▲  │             │ │ failed,       │ │ exited,
 *                 ended │  │ stop   stop │ │ suspend  stop │ │ suspend
 *                       │  │             │ ▼               │ ▼
 *                       └──┼─────────────┼─ suspending ◄───┼─┘
 *                          ▼             ▼                 ▼    ended
 *                          └──────── stopping ◄────────────┘ ─────────► stopped
 * ```
 *
 * - `suspended`: a workspace without a process.
 * - `starting`: a process that is not ready yet; it may still be held at its gate.
 * - `running`: ready.
 * - `suspending`: somebody claimed the end of the process and the workspace stays.
 * - `stopping`: somebody claimed the end of the instance.
 * - `stopped`: ended for good; nothing follows but collection.
 */
export const INSTANCE_TRANSITIONS = {
  suspended: { launch: "starting", stop: "stopping" },
  starting: { ready: "running", failed: "suspending", suspend: "suspending", stop: "stopping" },
  running: { suspend: "suspending", exited: "suspending", stop: "stopping" },
  suspending: { ended: "suspended" },
  stopping: { ended: "stopped" },
  stopped: {},
} as const;

INSTANCE_TRANSITIONS satisfies Record<InstanceStateName, Partial<Record<InstanceEvent, InstanceStateName>>>;

export type InstanceStateName = "suspended" | "starting" | "running" | "suspending" | "stopping" | "stopped";

/** What an operator can want of an instance. */
export type InstanceRequest = "launch" | "suspend" | "stop";

/** What can happen to an instance. `ended`: the process and everything it started are gone. */
export type InstanceEvent = InstanceRequest | "ready" | "failed" | "exited" | "ended";

/** The state that follows, or `undefined` when the event cannot happen in this state. */
export function nextInstanceState(state: InstanceStateName, event: InstanceEvent): InstanceStateName | undefined {
  const row: Partial<Record<InstanceEvent, InstanceStateName>> = INSTANCE_TRANSITIONS[state];
  return row[event];
}

/** The reason why a request is refused in a state; `undefined` when it is not. */
export function refusalOf(state: InstanceStateName, request: InstanceRequest): Reason | undefined {
  if (nextInstanceState(state, request)) {
    return undefined;
  }
  switch (state) {
    case "suspended":
      return "INSTANCE_NOT_RUNNING";
    case "starting":
    case "running":
      return "INSTANCE_RUNNING";
    case "suspending":
    case "stopping":
      return "OPERATION_IN_PROGRESS";
    case "stopped":
      return "INSTANCE_NOT_FOUND";
  }
}
