import { formatName, type InstanceName, NodeError } from "@nodemanager/core";
import type { TaskContext } from "../batch.ts";
import type { Context } from "../context.ts";
import type { Outcome } from "../operation.ts";
import { endProcess, stopPolicyOf } from "./end.ts";

export interface StopOptions extends TaskContext {
  readonly deadlineMs?: number | undefined;
  readonly requestId?: string | undefined;
}

/**
 * Ends an instance for good: its process first, then its place among the instances.
 *
 * The claim is the commit point, as in `suspend`.
 *
 * @throws NodeError `INSTANCE_NOT_FOUND`, `OPERATION_IN_PROGRESS`, `CHILD_NOT_STOPPED`
 */
export async function stop(ctx: Context, name: InstanceName, o: StopOptions): Promise<Outcome> {
  const object = formatName(name);
  using lock = ctx.ending.tryAcquire(object);
  if (!lock) {
    throw new NodeError("OPERATION_IN_PROGRESS", `instance ${object} is being ended already`);
  }
  const record = await ctx.root.instances.read(name);
  if (record.state === "stopped") {
    if (o.requestId !== undefined && record.stopRequestId === o.requestId) {
      return { object, note: "stopped by an earlier call with this request id" };
    }
    throw new NodeError("INSTANCE_NOT_FOUND", `instance ${object} was stopped already`);
  }
  const policy = await stopPolicyOf(ctx, record);
  o.signal.throwIfAborted();
  const ending = { deadlineMs: o.deadlineMs ?? policy.graceMs, signal: policy.signal, report: o.report };
  if (record.state === "suspending") {
    // Left so by a failure: nobody else holds the lock.
    const lastExit = await endProcess(ctx, record, { ...record.launch, ready: record.ready }, ending);
    await ctx.root.instances.finishSuspend(name, { lastExit });
  }
  const launch =
    record.state === "stopping"
      ? record.launch && { ...record.launch, ready: record.ready }
      : await ctx.root.instances.claimStop(name);
  ctx.hub.publish(object);
  const lastExit = launch ? await endProcess(ctx, record, launch, ending) : undefined;
  await ctx.root.instances.finishStop(name, {
    ...(o.requestId === undefined ? {} : { requestId: o.requestId }),
    ...(lastExit ? { lastExit } : {}),
  });
  ctx.hub.publish(object);
  return { object, note: "" };
}
