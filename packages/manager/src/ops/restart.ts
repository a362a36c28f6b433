import type { InstanceName } from "@nodemanager/core";
import type { Context } from "../context.ts";
import type { Outcome } from "../operation.ts";
import { launch } from "./launch.ts";
import type { StopOptions } from "./stop.ts";
import { suspend } from "./suspend.ts";

/**
 * Suspends an instance and resumes it with the same version. A manager that is killed in between resumes it at its next
 * start-up.
 *
 * @throws NodeError as `suspend` and `launch`
 */
export async function restart(ctx: Context, name: InstanceName, o: StopOptions): Promise<Outcome> {
  const outcome = await suspend(ctx, name, o);
  await launch(ctx, name, o);
  return outcome;
}
