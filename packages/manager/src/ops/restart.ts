import { formatName, type InstanceName, throwIfAborted } from "@nodemanager/core";
import type { Context } from "../context.ts";
import type { Outcome } from "../operation.ts";
import { launch } from "./launch.ts";
import { settledRecord } from "./legality.ts";
import type { StopOptions } from "./stop.ts";
import { suspend } from "./suspend.ts";

/**
 * Suspends an instance and resumes it with the same version.
 *
 * The claim of the suspend is the commit point: a caller that goes away after it finds the instance running again, and a
 * manager that ends in between resumes it at its next start-up.
 *
 * @throws NodeError as `suspend` and `launch`
 */
export async function restart(ctx: Context, name: InstanceName, o: StopOptions): Promise<Outcome> {
  const object = formatName(name);
  const record = await settledRecord(ctx, name, o.signal);
  if (record.state === "running" && o.requestId !== undefined && record.launch.requestId === o.requestId) {
    return { object, note: "restarted by an earlier call with this request id" };
  }
  await suspend(ctx, name, o);
  throwIfAborted(o.interrupt);
  await launch(ctx, name, { ...o, signal: o.interrupt });
  return { object, note: "" };
}
