import { formatName, hasReason, type InstallationName, type InstanceName, throwIfAborted } from "@nodemanager/core";
import type { InstanceRecord } from "@nodemanager/layout";
import type { TaskContext } from "../batch.ts";
import type { Context } from "../context.ts";
import type { Outcome } from "../operation.ts";
import { launch } from "./launch.ts";

/**
 * Makes a new instance of an installation's current version and runs it.
 *
 * A cancelled start leaves no instance. One that fails leaves it suspended, with its logs and the reason; the same
 * request id again runs that one.
 *
 * @throws NodeError as `launch`, and `INSTALLATION_NOT_FOUND`, `INSTALLATION_UNINSTALLED`
 */
export async function start(
  ctx: Context,
  installation: InstallationName,
  requestId: string | undefined,
  o: TaskContext,
): Promise<Outcome> {
  const known = requestId === undefined ? undefined : await ctx.starts.find(installation, requestId);
  if (known && !hasFailed(known, requestId)) {
    return { object: formatName(known.name), note: "started by an earlier call with this request id" };
  }
  throwIfAborted(o.signal);
  const record = known ?? (await create(ctx, installation, requestId));
  const object = formatName(record.name);
  ctx.hub.publish(object);
  try {
    await launch(ctx, record.name, { ...o, requestId });
  } catch (error) {
    if (o.signal.aborted) {
      await discard(ctx, record.name);
    }
    throw error;
  }
  return { object, note: "" };
}

async function create(
  ctx: Context,
  installation: InstallationName,
  requestId: string | undefined,
): Promise<InstanceRecord> {
  // Nothing is acknowledged before the launch has come to a state that is durable, and the creation with it.
  const record = await ctx.root.instances.create(installation, { requestId, durable: false });
  if (requestId !== undefined) {
    await ctx.starts.add(record.name, requestId);
  }
  return record;
}

/** Whether the call with this request id made the instance and did not get it to run. */
function hasFailed(record: InstanceRecord, requestId: string | undefined): boolean {
  return (
    record.state === "suspended" && record.suspension?.by === "manager" && record.suspension.requestId === requestId
  );
}

async function discard(ctx: Context, name: InstanceName): Promise<void> {
  try {
    await ctx.root.instances.retire(name);
    ctx.hub.publish(formatName(name));
  } catch (error) {
    // Somebody who does not want it either was faster.
    if (!hasReason(error, "INSTANCE_RUNNING", "INSTANCE_NOT_FOUND")) {
      throw error;
    }
  }
}
