import { formatName, type InstanceName, NodeError } from "@nodemanager/core";
import type { InstanceRecord } from "@nodemanager/layout";
import type { Context } from "../context.ts";
import { type InstanceRequest, refusalOf } from "../machines/instance.ts";

/**
 * Reads an instance for a request, after what the manager did about it of its own accord: one whose process was just
 * noticed to have ended is suspended by then.
 *
 * @throws NodeError `INSTANCE_NOT_FOUND`, `STORE_CORRUPT`, or the signal's error
 */
export async function settledRecord(ctx: Context, name: InstanceName, signal?: AbortSignal): Promise<InstanceRecord> {
  await ctx.supervisor.settled(formatName(name), signal);
  return await ctx.root.instances.read(name);
}

/** @throws NodeError with the reason why the request is refused in the state that the instance is in, if it is */
export function requireLegal(record: InstanceRecord, request: InstanceRequest): void {
  const reason = refusalOf(record.state, request);
  if (reason) {
    const state = record.state === "stopped" ? "stopped for good" : record.state;
    throw new NodeError(reason, `instance ${formatName(record.name)} is ${state}`, {
      metadata: { state: record.state },
    });
  }
}

/**
 * The right to end an instance, within this process: one holder at a time, the others are told at once.
 *
 * @throws NodeError `OPERATION_IN_PROGRESS`
 */
export function holdEnd(ctx: Context, name: InstanceName): Disposable {
  const lock = ctx.ending.tryAcquire(formatName(name));
  if (!lock) {
    throw new NodeError("OPERATION_IN_PROGRESS", `instance ${formatName(name)} is being ended already`);
  }
  return lock;
}
