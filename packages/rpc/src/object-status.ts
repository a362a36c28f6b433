import type { ExitStatus } from "@nodemanager/core";
import type { InstallationStatus, InstanceStatus, ObjectStatus } from "@nodemanager/manager";
import {
  type InstallationStatus as InstallationStatusMessage,
  type InstanceStatus as InstanceStatusMessage,
  type LastExit,
  ObjectState,
  type ObjectStatus as ObjectStatusMessage,
} from "@nodemanager/proto/v1";
import { envelopeMessage } from "@nodemanager/transport";

const STATES = {
  installed: ObjectState.INSTALLED,
  uninstalling: ObjectState.UNINSTALLING,
  suspended: ObjectState.SUSPENDED,
  starting: ObjectState.STARTING,
  running: ObjectState.RUNNING,
  suspending: ObjectState.SUSPENDING,
  stopping: ObjectState.STOPPING,
  stopped: ObjectState.STOPPED,
} as const satisfies Readonly<Record<InstallationStatus["state"] | InstanceStatus["state"], ObjectState>>;

/** The message for one object. */
export function statusMessage(status: ObjectStatus): ObjectStatusMessage {
  const { name } = status;
  switch (status.kind) {
    case "application":
      return {
        name,
        state: ObjectState.UNSPECIFIED,
        object: { $case: "application", value: { installations: status.installations } },
        error: "",
      };
    case "installation":
      return {
        name,
        state: STATES[status.state],
        object: { $case: "installation", value: installationMessage(status) },
        error: "",
      };
    case "instance":
      return {
        name,
        state: STATES[status.state],
        object: { $case: "instance", value: instanceMessage(status) },
        error: "",
      };
    case "broken":
      return { name, state: ObjectState.BROKEN, object: undefined, error: status.error };
  }
}

function installationMessage(status: InstallationStatus): InstallationStatusMessage {
  const { origin, version, envelope, installedAt, instances, running, previousVersion, user } = status;
  return {
    origin,
    version,
    envelope: envelopeMessage(envelope),
    installedAt,
    instances,
    running,
    previousVersion,
    user,
  };
}

function instanceMessage(status: InstanceStatus): InstanceStatusMessage {
  const { version, pid, startedAt, suspension, lastExit, createdAt, rootDir, logsDir } = status;
  return {
    version,
    pid,
    startedAt,
    suspension: suspension && { ...suspension },
    lastExit: lastExit && { how: exitMessage(lastExit.exit), at: lastExit.at, lastLines: lastExit.lastLines },
    createdAt,
    rootDir,
    logsDir,
  };
}

function exitMessage(exit: ExitStatus): LastExit["how"] {
  switch (exit.kind) {
    case "code":
      return { $case: "code", value: exit.code };
    case "signal":
      return { $case: "signal", value: exit.signal };
    case "unseen":
      return { $case: "unseen", value: true };
  }
}
