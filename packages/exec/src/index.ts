export { whyNoAccounts } from "./account-support.ts";
export { type Adopted, type AdoptOptions, adopt } from "./adopt.ts";
export { protocolFor, type ReadyOptions } from "./become-ready.ts";
export type { Command, Protocol } from "./command.ts";
export { Containment } from "./containment.ts";
export { closeInheritedDescriptors } from "./inherited-descriptors.ts";
export { type LastLinesOptions, lastLines } from "./last-lines.ts";
export { makeLifeline } from "./lifeline.ts";
export { type NoNewPrivileges, noNewPrivileges } from "./no-new-privileges.ts";
export { ParentHandle, type SpawnOptions } from "./parent-handle.ts";
export { isAlive, readProcessIdentity, selfIdentity } from "./process-identity.ts";
export { type Target, type TerminateOptions, terminate } from "./terminate.ts";
export {
  decodeConfig,
  decodeStatus,
  EXEC_VERSION,
  type ExecConfig,
  encodeConfig,
  encodeFrame,
  encodeStatus,
  FRAME_MAX_BYTES,
  FrameDecoder,
  STATUS_MAX_BYTES,
  type Status,
  WireError,
} from "./wire.ts";
