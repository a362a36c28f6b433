export type { NodeManagerApi } from "./api.ts";
export { NodeManager } from "./node-manager.ts";
export type { NodeManagerOptions } from "./node-manager-options.ts";
export type {
  Change,
  EndOptions,
  InstallOptions,
  MoveOptions,
  OperationEvent,
  OperationOptions,
  Outcome,
  Progress,
  TidyOptions,
  TidyReport,
  UpdateOptions,
} from "./operation.ts";
export type {
  Accounts,
  AppCycleClient,
  Callback,
  CallbackListener,
  NodeDescription,
  NodeFacts,
  Runnability,
  Specification,
  SystemUser,
} from "./ports.ts";
export {
  type CollectOptions,
  collectableWorkspaces,
  collectWorkspaces,
  KEPT_WORKSPACES,
} from "./self-update/collect-workspaces.ts";
export type { SelfUpdateSetup } from "./self-update/setup.ts";
export type { TrialClient, TrialConnection } from "./self-update/trial-client.ts";
export type {
  ApplicationStatus,
  BrokenStatus,
  InstallationStatus,
  InstanceStatus,
  LogChunk,
  LogOptions,
  LogStream,
  ManagerStatus,
  ManagerUpdate,
  ObjectStatus,
  ShutdownPolicy,
  WatchEvent,
} from "./status.ts";
