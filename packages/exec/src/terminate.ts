import { basename, isAbsolute } from "node:path";
import {
  abortable,
  type Clock,
  type ExitStatus,
  NodeError,
  type ProcessIdentity,
  systemClock,
  throwIfAborted,
} from "@nodemanager/core";
import { isBystander } from "./bystanders.ts";
import { groupPids, isPopulated, killGroup, LAUNCH_PREFIX, removeGroup } from "./cgroup.ts";
import { isAlive, type ProcessStat, readProcessStat } from "./process-identity.ts";
import { launchProcesses } from "./process-table.ts";
import { signalGroup, signalProcess } from "./signals.ts";

/** What is to be ended: a `ParentHandle`, or what is known of a process that is not our child. */
export interface Target {
  /** The leader of the process group. */
  readonly identity: ProcessIdentity;
  /** The directory of its control group, if it has one of its own. */
  readonly cgroup?: string | undefined;
  /** As `NODED_LAUNCH_ID` has it. */
  readonly launchId?: string | undefined;
  /** Settles when our own child has been waited for. */
  readonly exited?: Promise<ExitStatus> | undefined;
}

export interface TerminateOptions {
  /** What asks for an orderly end. */
  readonly signal: NodeJS.Signals;
  /** From the signal to SIGKILL. With 0 there is no orderly end. */
  readonly graceMs: number;
  readonly clock?: Clock;
  /** Stops the waiting; what was sent stays sent. */
  readonly abort?: AbortSignal | undefined;
}

/** How long the kernel may take to end what was killed: a process in uninterruptible sleep does not end. */
const KILL_WAIT_MS = 5000;
const POLL_MIN_MS = 2;
const POLL_MAX_MS = 50;

/**
 * Ends a process and everything that belongs to it, and removes its control group: the signal and SIGCONT to the process
 * group, then up to the grace for all to end, then SIGKILL. What left the group gets the signal once the leader is gone,
 * and SIGKILL with the rest. Also to be called for a process that ended on its own: its descendants may live.
 *
 * When it returns, nothing of it lives. A stranger that got the pid meanwhile is never signalled.
 *
 * @throws NodeError `CHILD_NOT_STOPPED` when something survives SIGKILL for 5 seconds; `CANCELLED` or the abort's error
 */
export async function terminate(given: Target, options: TerminateOptions): Promise<void> {
  const { abort, clock = systemClock } = options;
  throwIfAborted(abort);
  const target = withLaunchGroupOnly(given);
  if (options.graceMs > 0) {
    await endInOrder(target, options.signal, options.graceMs, clock, abort);
  }
  if (!(await isGone(target))) {
    await kill(target, clock, abort);
  }
  if (target.exited) {
    await abortable(target.exited, abort);
  }
  if (target.cgroup !== undefined) {
    await until(() => removeGroup(target.cgroup ?? ""), KILL_WAIT_MS, clock, abort);
  }
}

async function endInOrder(
  target: Target,
  signal: NodeJS.Signals,
  graceMs: number,
  clock: Clock,
  abort: AbortSignal | undefined,
): Promise<void> {
  const deadlineMs = clock.monotonicMs() + graceMs;
  // A stopped process takes the signal when it continues; in this order it does not run on without it.
  const groupAsked = signalGroup(target.identity, signal);
  if (groupAsked) {
    signalGroup(target.identity, "SIGCONT");
    await until(() => !isAlive(target.identity), graceMs, clock, abort);
  }
  const asked = new Set<string>();
  const askTheRest = async () => {
    const rest = await remaining(target);
    for (const { identity, processGroup } of isAlive(target.identity) ? [] : rest) {
      const key = `${identity.pid}:${identity.startTicks}`;
      if (!asked.has(key) && !(groupAsked && processGroup === target.identity.pid)) {
        asked.add(key);
        signalProcess(identity, signal);
        signalProcess(identity, "SIGCONT");
      }
    }
    return rest.length === 0;
  };
  await until(askTheRest, deadlineMs - clock.monotonicMs(), clock, abort);
}

async function kill(target: Target, clock: Clock, abort: AbortSignal | undefined): Promise<void> {
  let emptyLooks = 0;
  const killTheRest = async () => {
    signalGroup(target.identity, "SIGKILL");
    if (target.cgroup !== undefined) {
      killGroup(target.cgroup);
    }
    const rest = await remaining(target);
    for (const { identity } of rest) {
      signalProcess(identity, "SIGKILL");
    }
    // Without a control group a process may fork between two looks at the table and be overlooked once.
    emptyLooks = rest.length === 0 ? emptyLooks + 1 : 0;
    return target.cgroup === undefined ? emptyLooks >= 2 : await isGone(target);
  };
  if (!(await until(killTheRest, KILL_WAIT_MS, clock, abort))) {
    const pids = (await remaining(target)).map(({ identity }) => identity.pid);
    throw new NodeError("CHILD_NOT_STOPPED", `process ${pids.join(", ")} did not end within 5 s after SIGKILL`, {
      metadata: { pids: pids.join(",") },
    });
  }
}

async function isGone(target: Target): Promise<boolean> {
  if (isAlive(target.identity)) {
    return false;
  }
  // The first is one look at all of the group at once; the second sees what it says when there are bystanders.
  return (target.cgroup !== undefined && !isPopulated(target.cgroup)) || (await remaining(target)).length === 0;
}

/** A damaged record may name any directory. */
function withLaunchGroupOnly({ identity, cgroup, launchId, exited }: Target): Target {
  const known = cgroup !== undefined && isAbsolute(cgroup) && basename(cgroup).startsWith(LAUNCH_PREFIX);
  return { identity, launchId, exited, cgroup: known ? cgroup : undefined };
}

/** The processes of a target that live. */
async function remaining(target: Target): Promise<readonly ProcessStat[]> {
  const { identity, cgroup, launchId } = target;
  if (cgroup === undefined) {
    return await launchProcesses(identity, launchId);
  }
  const pids = new Set([...groupPids(cgroup), ...(isAlive(identity) ? [identity.pid] : [])]);
  return [...pids]
    .filter((pid) => !isBystander(pid))
    .map(readProcessStat)
    .filter((stat) => stat !== undefined)
    .filter(({ dead }) => !dead);
}

/** Looks again and again, at growing intervals, until it is so. Whether it was so in time. */
async function until(
  isSo: () => boolean | Promise<boolean>,
  withinMs: number,
  clock: Clock,
  abort: AbortSignal | undefined,
): Promise<boolean> {
  const deadlineMs = clock.monotonicMs() + withinMs;
  for (let intervalMs = POLL_MIN_MS; ; intervalMs = Math.min(intervalMs * 2, POLL_MAX_MS)) {
    if (await isSo()) {
      return true;
    }
    const leftMs = deadlineMs - clock.monotonicMs();
    if (leftMs <= 0) {
      return false;
    }
    await clock.sleep(Math.min(intervalMs, leftMs), abort);
  }
}
