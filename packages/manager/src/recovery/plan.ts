import type { InstanceRecord } from "@nodemanager/layout";
import type { ShutdownPolicy } from "../status.ts";

/**
 * What is to be done about an instance that a start-up finds.
 *
 * - `leave`: nothing; it is suspended on purpose, or stopped.
 * - `resume`: it is wanted and does not run.
 * - `goBack`: it was being moved to another version, on which it did not come to hold; it is moved back, and resumed if it
 *   is wanted.
 * - `adopt`: it runs and goes on.
 * - `suspendAndResume`: it runs under a manager that is gone; the seed's rule.
 * - `recordExit`: it ended while nobody watched.
 * - `recordExitAndResume`: it ended because the node did.
 * - `abandon`: it was not ready when its manager ended; resumed if it is wanted.
 * - `finishSuspend`, `finishStop`: somebody had claimed its end; after `finishSuspend` it is resumed if it is wanted.
 */
export type RecoveryAction =
  | "leave"
  | "resume"
  | "goBack"
  | "adopt"
  | "suspendAndResume"
  | "recordExit"
  | "recordExitAndResume"
  | "abandon"
  | "finishSuspend"
  | "finishStop";

export interface RecoveryFacts {
  /** Whether the process in the record is there: the same one, and no zombie. */
  readonly alive: boolean;
  /** Whether it was started since the node was. */
  readonly sameBoot: boolean;
  readonly policy: ShutdownPolicy;
}

/** Decides from the record alone; what it decides is carried out elsewhere, and deciding again afterwards is `leave`, `resume` or `adopt`. */
export function planInstance(record: InstanceRecord, facts: RecoveryFacts): RecoveryAction {
  switch (record.state) {
    case "suspended":
      return record.move?.trial ? "goBack" : record.suspension ? "leave" : "resume";
    case "starting":
      return "abandon";
    case "running":
      if (facts.alive) {
        return facts.policy === "leave" ? "adopt" : "suspendAndResume";
      }
      // One on trial ended because of its version, and is wanted on the old one.
      return facts.sameBoot && !record.move?.trial ? "recordExit" : "recordExitAndResume";
    case "suspending":
      return "finishSuspend";
    case "stopping":
      return "finishStop";
    case "stopped":
      return "leave";
  }
}
