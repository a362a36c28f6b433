export type { NodeManagerApi } from "./api.ts";
export type { EndOptions, InstallOptions, OperationEvent, OperationOptions, Outcome, Progress } from "./operation.ts";
export type {
  AppCycleClient,
  Callback,
  CallbackListener,
  NodeDescription,
  Runnability,
  Specification,
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
