import type {
  EndOptions,
  InstallOptions,
  MoveOptions,
  OperationEvent,
  OperationOptions,
  TidyOptions,
  TidyReport,
  UpdateOptions,
} from "./operation.ts";
import type { NodeDescription, Runnability, Specification } from "./ports.ts";
import type { LogChunk, LogOptions, ManagerStatus, ObjectStatus, WatchEvent } from "./status.ts";

/**
 * What the node manager does, as a service calls it.
 *
 * A name is full (`apps/<title>/<installation>/<instance>`) or partial, which means everything below it that the
 * operation applies to. An operation on a full name that fails throws; on a partial name it yields one `outcome` or
 * `error` for each object and does not throw. Operations begin when their events are first asked for.
 */
export interface NodeManagerApi {
  install(origin: string, options?: InstallOptions): AsyncIterable<OperationEvent>;
  start(name: string, options?: OperationOptions): AsyncIterable<OperationEvent>;
  suspend(name: string, options?: EndOptions): AsyncIterable<OperationEvent>;
  resume(name: string, options?: OperationOptions): AsyncIterable<OperationEvent>;
  restart(name: string, options?: EndOptions): AsyncIterable<OperationEvent>;
  refresh(name: string, options?: OperationOptions): AsyncIterable<OperationEvent>;
  stop(name: string, options?: EndOptions): AsyncIterable<OperationEvent>;
  /** Moves installations to what their origins offer, or an instance to the current version of its installation. */
  update(name: string, options?: UpdateOptions): AsyncIterable<OperationEvent>;
  /** Moves installations to what another origin offers, which is theirs from then on. */
  updateTo(name: string, origin: string, options?: UpdateOptions): AsyncIterable<OperationEvent>;
  /** Goes back to the version before. */
  revert(name: string, options?: MoveOptions): AsyncIterable<OperationEvent>;
  uninstall(name: string, options?: EndOptions): AsyncIterable<OperationEvent>;
  reset(options?: EndOptions): AsyncIterable<OperationEvent>;
  /** Moves the manager itself to what its origin offers; it ends after that, to be started again. */
  updateManager(options?: OperationOptions): AsyncIterable<OperationEvent>;
  /** Moves the manager itself back to its previous version; as {@link updateManager}. */
  revertManager(options?: OperationOptions): AsyncIterable<OperationEvent>;
  /** Ends the manager in order; when the events end, it has given its root back and serves nothing any more. */
  shutdown(options?: EndOptions): AsyncIterable<OperationEvent>;

  /** Removes what is no longer needed; leaves alone what somebody is working on. */
  tidy(options?: TidyOptions): Promise<TidyReport>;

  list(glob: string, signal?: AbortSignal): AsyncIterable<ObjectStatus>;
  status(glob: string, signal?: AbortSignal): AsyncIterable<ObjectStatus>;
  watch(glob: string, signal?: AbortSignal): AsyncIterable<WatchEvent>;
  readLogs(name: string, options?: LogOptions): AsyncIterable<LogChunk>;
  debug(name: string): Promise<string>;

  describe(): Promise<NodeDescription>;
  isRunnable(query: { profiles: readonly string[]; specification?: Specification | undefined }): Promise<Runnability>;
  managerStatus(): Promise<ManagerStatus>;
}
