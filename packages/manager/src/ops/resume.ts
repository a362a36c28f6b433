import { formatName, type InstanceName } from "@nodemanager/core";
import type { TaskContext } from "../batch.ts";
import type { Context } from "../context.ts";
import type { Outcome } from "../operation.ts";
import { launch } from "./launch.ts";
import { settledRecord } from "./legality.ts";

/**
 * Runs a suspended instance again, in its workspace and with its version. A cancelled resume leaves it as it was.
 *
 * @throws NodeError as `launch`
 */
export async function resume(
  ctx: Context,
  name: InstanceName,
  requestId: string | undefined,
  o: TaskContext,
): Promise<Outcome> {
  const object = formatName(name);
  const record = await settledRecord(ctx, name, o.signal);
  if (record.state === "running" && requestId !== undefined && record.launch.requestId === requestId) {
    return { object, note: "resumed by an earlier call with this request id" };
  }
  await launch(ctx, name, { ...o, requestId });
  return { object, note: "" };
}
