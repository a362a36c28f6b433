import type { TrialClient } from "./trial-client.ts";

/** What a manager needs to move itself to another version. What is missing is said to whoever asks for it. */
export interface SelfUpdateSetup {
  /** Where its own versions come from. */
  readonly origin?: string | undefined;
  /** The link that init starts. */
  readonly currentLink?: string | undefined;
  /** The one file that runs; nothing when the program is several. */
  readonly programFile?: string | undefined;
  /** What the workspace of the next version is to say. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** What a candidate is tried with: what init would give it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly trialClient: TrialClient;
  /** How a manager ends that is to be started again. */
  readonly restartStatus: number;
  readonly trialTimeoutMs: number;
  readonly healthyAfterMs: number;
  readonly healthyWithinMs: number;
}
