import type { AccountRange, Credentials } from "@nodemanager/core";
import type { Runnability, Specification } from "@nodemanager/profile";

export type { Runnability, Specification };

/** What kind of node this is. */
export interface NodeDescription {
  /** Labels of the supported profiles, the most specific first. */
  readonly profiles: readonly string[];
  readonly specification: Specification;
  readonly hostname: string;
  /** Of the manager. */
  readonly version: string;
  readonly containment: "cgroup2" | "process-group";
  /** `user`: each installation runs under an account of its own; `none`: all under the manager's. */
  readonly isolation: "user" | "none";
}

/**
 * How a child tells the manager its app cycle address: one socket for one child. Implemented over gRPC outside this
 * package.
 */
export interface CallbackListener {
  /**
   * Serves `Set` for one child on a socket of its own.
   *
   * @param options.socketPath - where; the caller chose it and removes nothing
   * @param options.callbackId - the only id that is accepted
   * @param options.keys - the only keys that are accepted, each once
   */
  listen(options: {
    readonly socketPath: string;
    readonly callbackId: string;
    readonly keys: readonly string[];
  }): Promise<Callback>;
}

export interface Callback extends AsyncDisposable {
  /** The address for the child's configuration, `unix:PATH`. */
  readonly address: string;
  /** Waits until the key has been set. */
  value(key: string, signal?: AbortSignal): Promise<string>;
}

/** Asks an application to stop in order. Implemented over gRPC outside this package. */
export interface AppCycleClient {
  /**
   * Calls `Stop` and yields its progress; ends when the application has said that its work is done.
   *
   * @throws NodeError `CHILD_PROTOCOL_ERROR` when the application cannot be reached or breaks off
   */
  stop(address: string, signal: AbortSignal): AsyncIterable<{ readonly progress: number; readonly goal: number }>;
}

/** Under whom applications can run on this node. */
export interface Accounts {
  /** Of the manager. */
  readonly uid: number;
  /** Where installations get accounts of their own from, or why nothing here can run as anybody but the manager. */
  readonly pool:
    | { readonly kind: "range"; readonly range: AccountRange }
    | { readonly kind: "none"; readonly why: string };
  /** A user of the system by its name or its uid, with its primary group. */
  lookUp(user: string): SystemUser | undefined;
}

export interface SystemUser extends Credentials {
  readonly name: string;
}

/** What this node is, found out when it is first asked for. */
export interface NodeFacts {
  /** Labels of the supported profiles, the most specific first. */
  profiles(): Promise<readonly string[]>;
  specification(): Promise<Specification>;
  isRunnable(query: {
    readonly profiles: readonly string[];
    readonly specification?: Specification | undefined;
  }): Promise<Runnability>;
  readonly hostname: string;
}
