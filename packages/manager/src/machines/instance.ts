/**
 * The life of an instance, as a table.
 *
 * ```
 *            create          launch               ready
 *   (none) ─────────► suspended ────► starting ───────► running
 *                        ▲  ▲            │ failed          │ │
 *                        │  └────────────┘                 │ │ exited: suspending, then suspended
 *                        └────────────── suspending ◄──────┘ │
 *   suspended, starting, running, suspending ── stop ──► stopping ──► stopped
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
  starting: { ready: "running", failed: "suspended", suspend: "suspending", stop: "stopping" },
  running: { suspend: "suspending", exited: "suspending", stop: "stopping" },
  suspending: { ended: "suspended" },
  stopping: { ended: "stopped" },
  stopped: {},
} as const;

INSTANCE_TRANSITIONS satisfies Record<InstanceStateName, Partial<Record<InstanceEvent, InstanceStateName>>>;

export type InstanceStateName = "suspended" | "starting" | "running" | "suspending" | "stopping" | "stopped";

/** What can happen to an instance. `ended`: the process and everything it started are gone. */
export type InstanceEvent = "launch" | "ready" | "failed" | "suspend" | "exited" | "stop" | "ended";

/** The state that follows, or `undefined` when the event cannot happen in this state. */
export function nextInstanceState(state: InstanceStateName, event: InstanceEvent): InstanceStateName | undefined {
  const row: Partial<Record<InstanceEvent, InstanceStateName>> = INSTANCE_TRANSITIONS[state];
  return row[event];
}
