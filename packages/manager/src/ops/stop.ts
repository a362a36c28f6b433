import { formatName, type InstanceName, NodeError, throwIfAborted } from "@nodemanager/core";
import type { ClaimedLaunch, InstanceRecord } from "@nodemanager/layout";
import type { TaskContext } from "../batch.ts";
import type { Context } from "../context.ts";
import type { Outcome } from "../operation.ts";
import { type EndProcessOptions, endProcess, stopPolicyOf } from "./end.ts";
import { holdEnd, requireLegal } from "./legality.ts";

export interface StopOptions extends TaskContext {
  readonly deadlineMs?: number | undefined;
  readonly requestId?: string | undefined;
}

/**
 * Ends an instance for good: its process first, then its place among the instances.
 *
 * The claim is the commit point, as in `suspend`. An instance that was left suspending or stopping by a failure is taken
 * up again.
 *
 * @throws NodeError `INSTANCE_NOT_FOUND`, `OPERATION_IN_PROGRESS`, `CHILD_NOT_STOPPED`
 */
export async function stop(ctx: Context, name: InstanceName, o: StopOptions): Promise<Outcome> {
  await ctx.supervisor.settled(formatName(name), o.signal);
  using _held = holdEnd(ctx, name);
  return await stopHeld(ctx, name, o);
}

/** As {@link stop}, but waits when somebody else is ending the instance already; then their end is ours. */
export async function stopAfterOthers(ctx: Context, name: InstanceName, o: StopOptions): Promise<void> {
  using _held = await ctx.ending.acquire(formatName(name));
  try {
    await stopHeld(ctx, name, o);
  } catch (error) {
    if (!(error instanceof NodeError && error.reason === "INSTANCE_NOT_FOUND")) {
      throw error;
    }
  }
}

async function stopHeld(ctx: Context, name: InstanceName, o: StopOptions): Promise<Outcome> {
  const object = formatName(name);
  const record = await ctx.root.instances.read(name);
  if (record.state === "stopped" && o.requestId !== undefined && record.stopRequestId === o.requestId) {
    return { object, note: "stopped by an earlier call with this request id" };
  }
  const policy = await stopPolicyOf(ctx, record);
  throwIfAborted(o.signal);
  const ending = { deadlineMs: o.deadlineMs ?? policy.graceMs, signal: policy.signal, report: o.report };
  const launch = await claim(ctx, record, ending);
  ctx.hub.publish(object);
  const lastExit = launch && (await endProcess(ctx, record, launch, ending));
  await ctx.root.instances.finishStop(name, { requestId: o.requestId, lastExit });
  if (launch) {
    ctx.supervisor.remove(object, launch.attempt);
  }
  ctx.hub.publish(object);
  return { object, note: "" };
}

/** Nobody else holds the end: what is being ended already was left so by a failure. */
async function claim(
  ctx: Context,
  record: InstanceRecord,
  ending: EndProcessOptions,
): Promise<ClaimedLaunch | undefined> {
  if (record.state === "stopping") {
    return record.launch && { ...record.launch, ready: record.ready };
  }
  if (record.state === "suspending") {
    const lastExit = await endProcess(ctx, record, { ...record.launch, ready: record.ready }, ending);
    await ctx.root.instances.finishSuspend(record.name, { lastExit });
    ctx.supervisor.remove(formatName(record.name), record.launch.attempt);
  } else {
    requireLegal(record, "stop");
  }
  return await ctx.root.instances.claimStop(record.name);
}
