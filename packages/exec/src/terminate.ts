import {
  abortable,
  type Clock,
  type ExitStatus,
  NodeError,
  type ProcessIdentity,
  systemClock,
  throwIfAborted,
} from "@nodemanager/core";
import { groupPids, isPopulated, killGroup, removeGroup } from "./cgroup.ts";
import { isAlive, readProcessIdentity, readProcessStat } from "./process-identity.ts";
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
export async function terminate(target: Target, options: TerminateOptions): Promise<void> {
  const { abort, clock = systemClock } = options;
  throwIfAborted(abort);
  if (options.graceMs > 0) {
    await endInOrder(target, options.signal, options.graceMs, clock, abort);
  }
  if (!isGone(target)) {
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
  const asked = new Set<string>();
  if (isAlive(target.identity)) {
    for (const member of groupMembers(target)) {
      asked.add(key(member));
    }
    // A stopped process takes the signal when it continues; in this order it does not run on without it.
    signalGroup(target.identity, signal);
    signalGroup(target.identity, "SIGCONT");
    await until(() => !isAlive(target.identity), graceMs, clock, abort);
  }
  await until(
    () => {
      const rest = remaining(target);
      if (!isAlive(target.identity)) {
        for (const process of rest.filter((process) => !asked.has(key(process)))) {
          asked.add(key(process));
          signalProcess(process, signal);
          signalProcess(process, "SIGCONT");
        }
      }
      return rest.length === 0;
    },
    deadlineMs - clock.monotonicMs(),
    clock,
    abort,
  );
}

async function kill(target: Target, clock: Clock, abort: AbortSignal | undefined): Promise<void> {
  let emptyPasses = 0;
  const gone = await until(
    () => {
      signalGroup(target.identity, "SIGKILL");
      if (target.cgroup !== undefined) {
        killGroup(target.cgroup);
      }
      const rest = remaining(target);
      for (const process of rest) {
        signalProcess(process, "SIGKILL");
      }
      // Without a control group a process may fork between two looks at the table and be overlooked once.
      emptyPasses = rest.length === 0 ? emptyPasses + 1 : 0;
      return isGone(target) && (target.cgroup !== undefined || emptyPasses >= 2);
    },
    KILL_WAIT_MS,
    clock,
    abort,
  );
  if (!gone) {
    const pids = remaining(target).map((process) => process.pid);
    throw new NodeError("CHILD_NOT_STOPPED", `process ${pids.join(", ")} did not end within 5 s after SIGKILL`, {
      metadata: { pids: pids.join(",") },
    });
  }
}

function isGone(target: Target): boolean {
  if (isAlive(target.identity)) {
    return false;
  }
  return target.cgroup === undefined ? remaining(target).length === 0 : !isPopulated(target.cgroup);
}

/** The processes of a target that live. */
function remaining(target: Target): readonly ProcessIdentity[] {
  if (target.cgroup === undefined) {
    return launchProcesses(target.identity, target.launchId);
  }
  const members = groupPids(target.cgroup).map(readProcessIdentity);
  const leader = isAlive(target.identity) ? [target.identity] : [];
  return [...leader, ...members.filter((member) => member !== undefined && member.pid !== target.identity.pid)].filter(
    (member) => member !== undefined,
  );
}

/** Those of them that a signal to the leader's process group reaches. */
function groupMembers(target: Target): readonly ProcessIdentity[] {
  return remaining(target).filter(({ pid }) => readProcessStat(pid)?.processGroup === target.identity.pid);
}

function key(process: ProcessIdentity): string {
  return `${process.pid}:${process.startTicks}`;
}

/** Looks again and again, at growing intervals, until it is so. Whether it was so in time. */
async function until(
  isSo: () => boolean,
  withinMs: number,
  clock: Clock,
  abort: AbortSignal | undefined,
): Promise<boolean> {
  const deadlineMs = clock.monotonicMs() + withinMs;
  for (let intervalMs = POLL_MIN_MS; ; intervalMs = Math.min(intervalMs * 2, POLL_MAX_MS)) {
    if (isSo()) {
      return true;
    }
    const leftMs = deadlineMs - clock.monotonicMs();
    if (leftMs <= 0) {
      return false;
    }
    await clock.sleep(Math.min(intervalMs, leftMs), abort);
  }
}
