import { isErrno, type ProcessIdentity } from "@nodemanager/core";
import { isBystander } from "./bystanders.ts";
import { isAlive } from "./process-identity.ts";

/** Sends a signal to a process if this very process still lives, and is no bystander. Whether it was sent. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  return !isBystander(identity.pid) && isAlive(identity) && send(identity.pid, signal);
}

/**
 * Sends a signal to the process group of a leader that still lives: then the number means its group. Whether it was sent.
 */
export function signalGroup(leader: ProcessIdentity, signal: NodeJS.Signals): boolean {
  return isAlive(leader) && send(-leader.pid, signal);
}

function send(target: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(target, signal);
  } catch (error) {
    // Gone in between, or not ours to signal: whether it ends is looked at afterwards in any case.
    if (isErrno(error, "ESRCH", "EPERM")) {
      return false;
    }
    throw error;
  }
}
