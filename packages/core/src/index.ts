export { abortable, abortError, deadlineSignal, type OwnedSignal, throwIfAborted } from "./abort.ts";
export { type Account, type Credentials, describeAccount } from "./account.ts";
export { type AccountRange, formatAccountRange, isInRange, parseAccountRange } from "./account-range.ts";
export { type Clock, systemClock } from "./clock.ts";
export {
  binariesOf,
  checkAdditions,
  decodeEnvelope,
  ENVELOPE_MAX_BYTES,
  type Envelope,
  encodeEnvelope,
  isSameEnvelope,
  parseEnvelope,
  type Readiness,
  type StopPolicy,
} from "./envelope.ts";
export {
  type ErrorMetadata,
  fromErrno,
  hasReason,
  isErrno,
  isReason,
  NodeError,
  REASONS,
  type Reason,
  type Retry,
  type StatusName,
} from "./errors.ts";
export { describeExit, type ExitStatus } from "./exit-status.ts";
export { compileGlob, escapeGlob, isGlob } from "./glob.ts";
export { newId, newInstallationId, newInstanceId, type RandomBytes } from "./ids.ts";
export { KeyedMutex } from "./keyed-mutex.ts";
export { type LogFields, type Logger, type LogLevel, silentLogger } from "./logger.ts";
export {
  type ApplicationName,
  formatName,
  type InstallationId,
  type InstallationName,
  type InstanceId,
  type InstanceName,
  isInstallationId,
  isInstanceId,
  isManagerTitle,
  MANAGER_TITLE,
  type ObjectName,
  parseAnyTitle,
  parseName,
  parseTitle,
  type Title,
} from "./names.ts";
export {
  type BinaryRef,
  decodePackages,
  effectivePackages,
  type PackageFormat,
  type PackageRef,
  packagesSchema,
} from "./packages.ts";
export { isSameProcess, type ProcessIdentity } from "./process-identity.ts";
