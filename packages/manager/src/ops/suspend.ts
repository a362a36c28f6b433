import { formatName, type InstanceName, NodeError } from "@nodemanager/core";
import type { Suspension } from "@nodemanager/layout";
import type { TaskContext } from "../batch.ts";
import type { Context } from "../context.ts";
import type { Outcome } from "../operation.ts";
import { type ClaimedLaunch, endProcess, stopPolicyOf } from "./end.ts";

export interface SuspendOptions extends TaskContext {
  readonly deadlineMs?: number | undefined;
  /** Why it must not be resumed at the next start-up; without it, it will be. */
  readonly suspension?: Suspension | undefined;
}

/**
 * Ends an instance's process and keeps its workspace.
 *
 * The claim is the commit point: a call that is cancelled before it changes nothing, after it the process is ended all
 * the same. An instance that was left suspending by a failure is taken up again.
 *
 * @throws NodeError `INSTANCE_NOT_FOUND`, `INSTANCE_NOT_RUNNING`, `OPERATION_IN_PROGRESS`, `CHILD_NOT_STOPPED`
 */
export async function suspend(ctx: Context, name: InstanceName, o: SuspendOptions): Promise<Outcome> {
  const object = formatName(name);
  using lock = ctx.ending.tryAcquire(object);
  if (!lock) {
    throw new NodeError("OPERATION_IN_PROGRESS", `instance ${object} is being ended already`);
  }
  const record = await ctx.root.instances.read(name);
  if (record.state === "suspended" && isSameRequest(record.suspension, o.suspension)) {
    return { object, note: "suspended by an earlier call with this request id" };
  }
  const policy = await stopPolicyOf(ctx, record);
  o.signal.throwIfAborted();
  const launch: ClaimedLaunch =
    record.state === "suspending"
      ? { ...record.launch, ready: record.ready }
      : await ctx.root.instances.claimSuspend(name);
  if (o.suspension) {
    // Before the process is ended: a manager killed meanwhile must leave it suspended and not resume it.
    await ctx.root.instances.setSuspension(name, o.suspension);
  }
  ctx.hub.publish(object);
  const lastExit = await endProcess(ctx, record, launch, {
    deadlineMs: o.deadlineMs ?? policy.graceMs,
    signal: policy.signal,
    report: o.report,
  });
  await ctx.root.instances.finishSuspend(name, { lastExit });
  ctx.hub.publish(object);
  return { object, note: "" };
}

function isSameRequest(done: Suspension | undefined, asked: Suspension | undefined): boolean {
  return asked?.requestId !== undefined && done?.requestId === asked.requestId;
}
