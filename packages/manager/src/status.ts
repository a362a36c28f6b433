import type { Envelope, ExitStatus } from "@nodemanager/core";

/** One object and what is known of it. */
export type ObjectStatus = ApplicationStatus | InstallationStatus | InstanceStatus | BrokenStatus;

export interface ApplicationStatus {
  readonly kind: "application";
  readonly name: string;
  readonly installations: number;
}

export interface InstallationStatus {
  readonly kind: "installation";
  readonly name: string;
  readonly state: "installed" | "uninstalling";
  readonly origin: string;
  /** The semantic version that new instances use. */
  readonly version: string;
  /** The semantic version that a revert goes back to; empty when there is none. */
  readonly previousVersion: string;
  readonly envelope: Envelope;
  readonly installedAt: Date;
  /** Under whom its instances run: a name or a uid; empty for the manager's own user. */
  readonly user: string;
  readonly instances: number;
  readonly running: number;
}

export interface InstanceStatus {
  readonly kind: "instance";
  readonly name: string;
  readonly state: "suspended" | "starting" | "running" | "suspending" | "stopping" | "stopped";
  /** The semantic version it is pinned to. */
  readonly version: string;
  readonly pid?: number | undefined;
  readonly startedAt?: Date | undefined;
  readonly suspension?: { readonly by: string; readonly why: string; readonly at: Date } | undefined;
  readonly lastExit?: { readonly exit: ExitStatus; readonly at: Date; readonly lastLines: string } | undefined;
  readonly createdAt: Date;
  readonly rootDir: string;
  readonly logsDir: string;
}

/** Its documents on disk cannot be read; everything else is served. */
export interface BrokenStatus {
  readonly kind: "broken";
  readonly name: string;
  readonly error: string;
}

export type WatchEvent =
  | { readonly kind: "existing" | "changed"; readonly object: ObjectStatus }
  | { readonly kind: "synced" }
  | { readonly kind: "removed"; readonly name: string };

export interface LogOptions {
  readonly stream?: LogStream | undefined;
  readonly follow?: boolean;
  readonly tailLines?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export type LogStream = "stdout" | "stderr";

export interface LogChunk {
  readonly stream: LogStream;
  readonly data: Uint8Array;
}

/** How the manager itself is. */
export interface ManagerStatus {
  readonly version: string;
  readonly pid: number;
  readonly startedAt: Date;
  readonly root: string;
  readonly shutdownPolicy: ShutdownPolicy;
  readonly installations: number;
  readonly instances: number;
  readonly running: number;
  readonly broken: number;
  /** What the last start-up found and did, a line each. */
  readonly recovery: readonly string[];
  readonly residentBytes: number;
  /** Where its own updates come from; empty when it was not told. */
  readonly origin: string;
  /** The name of its version's directory; empty when it was not started from one. */
  readonly workspace: string;
  /** The semantic version that a revert goes back to; empty when there is none. */
  readonly previousVersion: string;
  /** Whether it has recovered and served long enough to count. */
  readonly healthy: boolean;
  /** What became of its last move to another version. */
  readonly lastUpdate?: ManagerUpdate | undefined;
}

/** A move of the manager from one version to another. */
export interface ManagerUpdate {
  /** `switched`: the new version runs and does not count as healthy yet. `fell-back`: it never did, and the old one runs. */
  readonly state: "switched" | "healthy" | "fell-back";
  /** The names of the versions' directories, and their semantic versions. */
  readonly fromWorkspace: string;
  readonly fromVersion: string;
  readonly toWorkspace: string;
  readonly toVersion: string;
  readonly at: Date;
  /** Why the old version runs again; empty otherwise. */
  readonly why: string;
  /** Of the call that moved it; may be empty. */
  readonly requestId: string;
}

/** What happens to running instances when the manager shuts down: they are suspended, or left alone and found again. */
export type ShutdownPolicy = "suspend" | "leave";
