import type { NodeError, PackageRef } from "@nodemanager/core";

/**
 * What happens to one object while an operation works on it. Each object that an operation works on ends with one
 * outcome or one error; events of different objects are interleaved.
 */
export type OperationEvent =
  | ({ readonly kind: "progress"; readonly name: string } & Progress)
  | ({ readonly kind: "outcome"; readonly name: string } & Outcome)
  | { readonly kind: "error"; readonly name: string; readonly error: NodeError };

export interface Progress {
  /** What is being done: `fetching`, `starting`, `stopping` and the like. */
  readonly phase: string;
  readonly done: number;
  /** 0 when it is not known. */
  readonly goal: number;
  /** What `done` and `goal` count: `bytes`, `tasks`, or nothing. */
  readonly unit: "bytes" | "tasks" | "";
}

export interface Outcome {
  /** The full name of what the operation made, or of the object itself. */
  readonly object: string;
  /** For people: what was noticed on the way; may be empty. */
  readonly note: string;
  /** Of an update: what it changes, or would. */
  readonly changes?: readonly Change[] | undefined;
}

/** A difference between two versions. */
export interface Change {
  /** `version`, `args`, `env.LEVEL`, `binary.sha256`, `binary.size` and so on. */
  readonly field: string;
  /** Empty when there was none. */
  readonly from: string;
  /** Empty when there is none any more. */
  readonly to: string;
}

/** What every operation takes. */
export interface OperationOptions {
  /** Cancels. What is past its commit point is finished, everything else leaves nothing behind. */
  readonly signal?: AbortSignal | undefined;
  /** Has its effect once: the same id again answers with the result of the first call. */
  readonly requestId?: string | undefined;
}

export interface InstallOptions extends OperationOptions {
  /** Win over the envelope's. */
  readonly env?: Readonly<Record<string, string>>;
  /** Appended to the envelope's. */
  readonly args?: readonly string[];
  /** Win over the envelope's of the same name; fetched from where the envelope is. */
  readonly packages?: Readonly<Record<string, PackageRef>>;
}

export interface EndOptions extends OperationOptions {
  /** From the request to SIGKILL; the envelope's grace unless given. */
  readonly deadlineMs?: number | undefined;
}
