export type { NodeManagerApi } from "./api.ts";
export { NodeManager, type NodeManagerOptions } from "./node-manager.ts";
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
export type {
  ApplicationStatus,
  BrokenStatus,
  InstallationStatus,
  InstanceStatus,
  LogChunk,
  LogOptions,
  LogStream,
  ManagerStatus,
  ObjectStatus,
  ShutdownPolicy,
  WatchEvent,
} from "./status.ts";
