import { formatName, type InstanceName, throwIfAborted } from "@nodemanager/core";
import type { ClaimedLaunch, Suspension } from "@nodemanager/layout";
import type { TaskContext } from "../batch.ts";
import type { Context } from "../context.ts";
import type { Outcome } from "../operation.ts";
import { endProcess, stopPolicyOf } from "./end.ts";
import { holdEnd, requireLegal } from "./legality.ts";

export interface SuspendOptions extends Pick<TaskContext, "signal" | "report"> {
  readonly deadlineMs?: number | undefined;
  /** Why it must not be resumed at the next start-up; without it, it will be if it would have been. */
  readonly suspension?: Suspension | undefined;
  /** Only that launch. */
  readonly attempt?: string | undefined;
}

/**
 * Ends the process of a starting or running instance and keeps its workspace.
 *
 * The claim is the commit point: a call that is cancelled before it changes nothing, after it the process is ended all
 * the same. An instance that was left suspending by a failure is taken up again.
 *
 * @throws NodeError `INSTANCE_NOT_FOUND`, `INSTANCE_NOT_RUNNING`, `OPERATION_IN_PROGRESS`, `CHILD_NOT_STOPPED`
 */
export async function suspend(ctx: Context, name: InstanceName, o: SuspendOptions): Promise<Outcome> {
  const object = formatName(name);
  await ctx.supervisor.settled(object, o.signal);
  using _held = holdEnd(ctx, name);
  const record = await ctx.root.instances.read(name);
  if (record.state === "suspended" && isSameRequest(record.suspension, o.suspension)) {
    return { object, note: "suspended by an earlier call with this request id" };
  }
  // Nobody else holds the end, so one that is suspending was left so.
  const isLeft = record.state === "suspending";
  if (!isLeft) {
    requireLegal(record, "suspend");
  }
  const policy = await stopPolicyOf(ctx, record);
  throwIfAborted(o.signal);
  const launch: ClaimedLaunch = isLeft
    ? { ...record.launch, ready: record.ready }
    : await ctx.root.instances.claimSuspend(name, o.attempt);
  if (o.suspension) {
    await announce(ctx, name, o.suspension, isLeft);
  }
  ctx.hub.publish(object);
  const lastExit = await endProcess(ctx, record, launch, {
    deadlineMs: o.deadlineMs ?? policy.graceMs,
    signal: policy.signal,
    report: o.report,
  });
  await ctx.root.instances.finishSuspend(name, { lastExit });
  ctx.supervisor.remove(object, launch.attempt);
  ctx.hub.publish(object);
  return { object, note: "" };
}

/**
 * Writes down that it is to stay suspended, before the process is ended: a manager killed meanwhile must not resume it.
 * When that cannot be written, as on a full disk, nothing has happened: the instance runs on.
 */
async function announce(ctx: Context, name: InstanceName, suspension: Suspension, isLeft: boolean): Promise<void> {
  try {
    await ctx.root.instances.setSuspension(name, suspension);
  } catch (error) {
    if (!isLeft) {
      await ctx.root.instances.unclaimSuspend(name);
    }
    throw error;
  }
}

function isSameRequest(done: Suspension | undefined, asked: Suspension | undefined): boolean {
  return asked?.requestId !== undefined && done?.requestId === asked.requestId;
}
