import { abortable, deadlineSignal, type ExitStatus, formatName, NodeError, type StopPolicy } from "@nodemanager/core";
import { isAlive, lastLines, type Target, terminate } from "@nodemanager/exec";
import type { ClaimedLaunch, InstanceRecord, LastExit, Launch } from "@nodemanager/layout";
import { removeChildSockets } from "../child-sockets.ts";
import type { Context } from "../context.ts";
import { logFile } from "../instance-files.ts";
import type { Progress } from "../operation.ts";
import type { Live } from "../supervisor.ts";

/** An application that has said that its work is done gets this long to exit by itself before it is signalled. */
const EXIT_GRACE_MS = 1000;

export interface EndProcessOptions {
  /** From now to SIGKILL. */
  readonly deadlineMs: number;
  readonly signal: NodeJS.Signals;
  readonly report: (progress: Progress) => void;
}

/**
 * Ends a process that the caller has claimed, and everything it started: asks an application with an app cycle service
 * to stop and passes on its progress, then signals the group, then kills it at the deadline. The caller lets go of the
 * process when its end is on disk.
 *
 * @throws NodeError `CHILD_NOT_STOPPED` when something of it cannot be killed
 */
export async function endProcess(
  ctx: Context,
  record: InstanceRecord,
  launch: ClaimedLaunch,
  o: EndProcessOptions,
): Promise<LastExit> {
  const live = ctx.supervisor.take(formatName(record.name), launch.attempt);
  const target: Target = live?.target ?? targetOf(launch);
  const deadline = ctx.clock.monotonicMs() + o.deadlineMs;
  const remainingMs = () => Math.max(0, deadline - ctx.clock.monotonicMs());
  o.report({ phase: "stopping", done: 0, goal: 0, unit: "" });

  if (launch.ready?.appCycleAddress && o.deadlineMs > 0 && isAlive(launch.process)) {
    const orderly = await askToStop(ctx, launch.ready.appCycleAddress, live?.exited, remainingMs(), o.report);
    if (orderly && live) {
      await exitWithin(live.exited, Math.min(EXIT_GRACE_MS, remainingMs()));
    }
  }
  await terminate(target, { signal: o.signal, graceMs: remainingMs(), clock: ctx.clock });
  // Of a process that is not our child nobody tells more than that it is gone.
  return await lastExitOf(ctx, record, launch.attempt, live, target.exited ? await target.exited : { kind: "unseen" });
}

/** What is recorded of a process all of which is gone. Removes what it left in the directory for sockets. */
export async function lastExitOf(
  ctx: Context,
  record: InstanceRecord,
  attempt: string,
  live: Live | undefined,
  exit: ExitStatus,
): Promise<LastExit> {
  await removeChildSockets(ctx.root.runDir, attempt);
  const text = live?.lastLines
    ? await live.lastLines()
    : await lastLines(logFile(record, "stdout"), logFile(record, "stderr"));
  return { exit, at: ctx.clock.now(), lastLines: text };
}

/** What can be signalled of a process that is not our child. */
export function targetOf(launch: Launch): Target {
  return { identity: launch.process, cgroup: launch.cgroup, launchId: launch.attempt };
}

/** A process that ended while nobody watched. */
export function unseenEnd(launch: Launch): Live {
  return {
    attempt: launch.attempt,
    target: targetOf(launch),
    exited: Promise.resolve({ kind: "unseen" }),
    detach() {},
  };
}

/** How and how long an instance is ended unless the caller says otherwise. */
export async function stopPolicyOf(ctx: Context, record: InstanceRecord): Promise<StopPolicy> {
  try {
    return (await ctx.root.instances.version(record)).envelope.stop;
  } catch (error) {
    // An instance whose version cannot be read must still be stoppable.
    ctx.logger.warn("an instance's version cannot be read; it is ended as is usual", {
      instance: formatName(record.name),
      error,
    });
    return { signal: "SIGTERM", graceMs: 10_000 };
  }
}

/** @returns whether the application said that its work is done */
async function askToStop(
  ctx: Context,
  address: string,
  exited: Promise<ExitStatus> | undefined,
  timeoutMs: number,
  report: (progress: Progress) => void,
): Promise<boolean> {
  const gone = new AbortController();
  void exited?.then(() => gone.abort());
  using deadline = deadlineSignal(
    timeoutMs,
    () => new NodeError("DEADLINE_EXCEEDED", "the application did not stop in time"),
    gone.signal,
  );
  try {
    for await (const task of ctx.appCycle.stop(address, deadline.signal)) {
      report({ phase: "stopping", done: task.progress, goal: task.goal, unit: "tasks" });
    }
    return true;
  } catch (error) {
    ctx.logger.info("an application did not stop in order", { address, error });
    return false;
  }
}

async function exitWithin(exited: Promise<ExitStatus>, ms: number): Promise<void> {
  using deadline = deadlineSignal(ms, () => new NodeError("DEADLINE_EXCEEDED", "it did not exit"));
  await abortable(exited, deadline.signal).catch(() => {});
}
