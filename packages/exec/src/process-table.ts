import { readdirSync, readFileSync } from "node:fs";
import type { ProcessIdentity } from "@nodemanager/core";
import { type ProcessStat, readProcessStat } from "./process-identity.ts";

/** Every living process that this one can see. */
export function* livingProcesses(): Generator<ProcessStat> {
  for (const name of readdirSync("/proc")) {
    const stat = /^\d+$/.test(name) ? readProcessStat(Number(name)) : undefined;
    if (stat && !stat.dead) {
      yield stat;
    }
  }
}

/** Whether a process was started with this launch id in its environment; no for one whose environment is not ours to read. */
export function hasLaunchId(pid: number, launchId: string): boolean {
  try {
    return `\0${readFileSync(`/proc/${pid}/environ`, "latin1")}`.includes(`\0NODED_LAUNCH_ID=${launchId}\0`);
  } catch {
    return false;
  }
}

/**
 * The living processes of a launch without a control group: the members of its process group and of its session, and
 * those that carry its launch id. The leader need not live any more.
 *
 * While a group or a session has members its number is not given to another process, so when a stranger has the
 * leader's pid, group and session are gone and the numbers mean the stranger's.
 */
export function launchProcesses(leader: ProcessIdentity, launchId: string | undefined): readonly ProcessIdentity[] {
  const holder = readProcessStat(leader.pid);
  const recycled = holder !== undefined && holder.identity.startTicks !== leader.startTicks;
  const found: ProcessIdentity[] = [];
  for (const { identity, processGroup, session } of livingProcesses()) {
    if (identity.bootId !== leader.bootId) {
      return [];
    }
    const inGroup = !recycled && (processGroup === leader.pid || session === leader.pid);
    const older = identity.startTicks < leader.startTicks;
    if (!older && (inGroup || (launchId !== undefined && hasLaunchId(identity.pid, launchId)))) {
      found.push(identity);
    }
  }
  return found;
}
