import { closeSync, constants, openSync, readdirSync, readFileSync, rmdirSync, write, writeSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { isErrno } from "@nodemanager/core";
import { isBystander } from "./bystanders.ts";

/** The beginning of the name of every launch's group: no other directory is ever taken for one. */
export const LAUNCH_PREFIX = "launch-";

// Everything here works on a directory of a cgroup v2 hierarchy. A group that is gone has no processes; anything else that
// goes wrong is thrown as the system call's error.

const writeText: (fd: number, text: string) => Promise<unknown> = promisify(write);
const GONE = ["ENOENT", "ENODEV"] as const;

/**
 * Puts a process into a group; one that has died meanwhile is none. It takes half a millisecond, or 20 while the kernel
 * waits for all its processors, so it is done in another thread.
 */
export async function enterGroup(dir: string, pid: number): Promise<void> {
  const fd = openSync(join(dir, "cgroup.procs"), constants.O_WRONLY);
  try {
    await writeText(fd, String(pid));
  } catch (error) {
    if (!isErrno(error, "ESRCH")) {
      throw error;
    }
  } finally {
    closeSync(fd);
  }
}

/** Whether living processes are in the group or below it; zombies do not count. */
export function isPopulated(dir: string): boolean {
  return /^populated 1$/m.test(readControl(join(dir, "cgroup.events")));
}

/** The processes in the group and below it. */
export function groupPids(dir: string): readonly number[] {
  const own = readControl(join(dir, "cgroup.procs")).split("\n").filter(Boolean).map(Number);
  return [...own, ...subgroups(dir).flatMap((sub) => groupPids(sub))];
}

/**
 * Sends SIGKILL to everything in the group and below it, at once: nothing can fork its way out. Does nothing while there are
 * bystanders in it.
 */
export function killGroup(dir: string): void {
  if (groupPids(dir).some(isBystander)) {
    return;
  }
  try {
    writeControl(join(dir, "cgroup.kill"), "1");
  } catch (error) {
    if (!isErrno(error, ...GONE)) {
      throw error;
    }
  }
}

/** Removes the group and those below it, if nothing lives there. Whether it is gone. */
export function removeGroup(dir: string): boolean {
  if (readControl(join(dir, "cgroup.events")) === "") {
    return true; // Gone, or never a group of processes: a damaged record may name any directory.
  }
  try {
    for (const sub of subgroups(dir)) {
      removeGroup(sub);
    }
    rmdirSync(dir);
    return true;
  } catch (error) {
    if (isErrno(error, "EBUSY", "ENOTEMPTY")) {
      return false;
    }
    if (isErrno(error, ...GONE)) {
      return true;
    }
    throw error;
  }
}

/** The directories of the groups directly below. */
export function subgroups(dir: string): readonly string[] {
  try {
    return readdirSync(dir, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(dir, entry.name));
  } catch (error) {
    if (isErrno(error, ...GONE)) {
      return [];
    }
    throw error;
  }
}

function readControl(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch (error) {
    if (isErrno(error, ...GONE)) {
      return "";
    }
    throw error;
  }
}

/** Writes without making: what is not there is not a control file. */
function writeControl(file: string, text: string): void {
  const fd = openSync(file, constants.O_WRONLY);
  try {
    writeSync(fd, text);
  } finally {
    closeSync(fd);
  }
}
