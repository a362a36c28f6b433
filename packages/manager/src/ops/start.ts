import { formatName, hasReason, type InstallationName } from "@nodemanager/core";
import type { TaskContext } from "../batch.ts";
import type { Context } from "../context.ts";
import type { Outcome } from "../operation.ts";
import { launch } from "./launch.ts";

/**
 * Makes a new instance of an installation's current version and runs it.
 *
 * A cancelled start leaves no instance. One that fails leaves it suspended, with its logs and the reason.
 *
 * @throws NodeError as `launch`, and `INSTALLATION_NOT_FOUND`, `INSTALLATION_UNINSTALLED`
 */
export async function start(
  ctx: Context,
  installation: InstallationName,
  requestId: string | undefined,
  o: TaskContext,
): Promise<Outcome> {
  const known = requestId === undefined ? undefined : await startedByRequest(ctx, installation, requestId);
  if (known) {
    return { object: known, note: "started by an earlier call with this request id" };
  }
  const record = await ctx.root.instances.create(installation, requestId === undefined ? {} : { requestId });
  const object = formatName(record.name);
  ctx.hub.publish(object);
  try {
    await launch(ctx, record.name, { ...o, requestId });
  } catch (error) {
    if (hasReason(error, "CANCELLED", "DEADLINE_EXCEEDED")) {
      await ctx.root.instances.retire(record.name);
      ctx.hub.publish(object);
    }
    throw error;
  }
  return { object, note: "" };
}

async function startedByRequest(
  ctx: Context,
  installation: InstallationName,
  requestId: string,
): Promise<string | undefined> {
  for await (const record of ctx.root.instances.list(installation)) {
    if (record.kind === "instance" && record.requestId === requestId) {
      return formatName(record.name);
    }
  }
  return undefined;
}
