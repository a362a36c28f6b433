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
  /** Under whom its instances run, by name or uid; an account of its own unless given, where there can be one. */
  readonly user?: string | undefined;
  /** Its instances run as the manager's own user. */
  readonly sameUser?: boolean | undefined;
}

/** Of an update and of a revert. */
export interface MoveOptions extends EndOptions {
  /** Of an installation: its running instances, too. Of an instance: also when it runs. */
  readonly restart?: boolean | undefined;
}

export interface UpdateOptions extends MoveOptions {
  /** Says what would change, and changes nothing. */
  readonly dryRun?: boolean | undefined;
  /** Of an installation: only what is offered as this semantic version. */
  readonly version?: string | undefined;
}

export interface TidyOptions {
  readonly signal?: AbortSignal | undefined;
  /** Says what would go, and removes nothing. */
  readonly dryRun?: boolean | undefined;
  /** Only what was ended, or followed by a newer version, at least so long ago. */
  readonly olderThanMs?: number | undefined;
}

export interface TidyReport {
  /** For people, a line each. */
  readonly removed: readonly string[];
  /** A file with several names counts once, with the last of them. */
  readonly freedBytes: number;
}

export interface EndOptions extends OperationOptions {
  /** From the request to SIGKILL; the envelope's grace unless given. */
  readonly deadlineMs?: number | undefined;
}
