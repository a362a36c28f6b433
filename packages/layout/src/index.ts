export type { ReservedAccount } from "./account-pool.ts";
export { BlobStore } from "./blob-store.ts";
export { BlobWriter } from "./blob-writer.ts";
export type { BuildOptions } from "./build-version.ts";
export { FreedSpace } from "./freed-space.ts";
export type { Entry, EntryKind, FileStat, FsOps, NewFile, Owner } from "./fs-ops.ts";
export { InstallationStore, type InstallOptions } from "./installation-store.ts";
export type { ClaimedLaunch, Ending } from "./instance-claims.ts";
export { InstanceMoves } from "./instance-moves.ts";
export { InstanceStore } from "./instance-store.ts";
export { type ManagerMove, ManagerStore, type StageWorkspaceOptions } from "./manager-store.ts";
export { nodeFs } from "./node-fs.ts";
export { FORMAT, type OpenRootOptions, openRoot } from "./open-root.ts";
export type {
  BrokenRecord,
  InstallationRecord,
  InstanceRecord,
  InstanceState,
  LastExit,
  Launch,
  Move,
  Ready,
  Suspension,
} from "./records.ts";
export { removeTree } from "./remove-tree.ts";
export { Root } from "./root.ts";
export { ScratchRoot } from "./scratch-root.ts";
export { noteStartFailure } from "./start-failure.ts";
export type { SweepReport } from "./sweep.ts";
export type { VersionRecord } from "./version-reader.ts";
export { type AddVersionOptions, type CollectOptions, VersionStore } from "./version-store.ts";
export type { StartFailure, Trial, WorkspaceRecord } from "./workspace-reader.ts";
