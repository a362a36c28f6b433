import { formatName, hasReason, type InstanceName } from "@nodemanager/core";
import type { InstanceRecord } from "@nodemanager/layout";
import type { Context } from "../context.ts";
import { unseenEnd } from "../ops/end.ts";
import { recordExit } from "../ops/exited.ts";
import { launch } from "../ops/launch.ts";
import { stop } from "../ops/stop.ts";
import { suspend } from "../ops/suspend.ts";
import type { RecoveryAction } from "./plan.ts";

/**
 * Does what was decided about an instance. An operator may have been faster: then what they did holds.
 *
 * @throws NodeError as the operations that it comes down to
 */
export async function carryOut(
  ctx: Context,
  record: InstanceRecord,
  action: RecoveryAction,
  interrupt: AbortSignal,
): Promise<void> {
  const { name } = record;
  const o = { signal: interrupt, interrupt, report: () => {} };
  const found = "launch" in record ? record.launch : undefined;
  switch (action) {
    case "leave":
    case "adopt":
      return;
    case "recordExit":
      if (found) {
        const exited = unseenEnd(found);
        await ctx.supervisor.settle(formatName(name), () => recordExit(ctx, name, exited));
      }
      return;
    case "finishStop":
      await unlessOvertaken(stop(ctx, name, o));
      return;
    case "suspendAndResume":
    case "recordExitAndResume":
    case "abandon":
    case "finishSuspend":
      await unlessOvertaken(suspend(ctx, name, { ...o, attempt: found?.attempt }));
      break;
    case "resume":
    case "goBack":
      break;
  }
  await unlessOvertaken(resumeIfWanted(ctx, name, interrupt));
}

async function resumeIfWanted(ctx: Context, name: InstanceName, interrupt: AbortSignal): Promise<void> {
  let record = await ctx.root.instances.read(name);
  if (record.state === "suspended" && record.move?.trial) {
    await ctx.root.instances.moves.goBack(name);
    record = await ctx.root.instances.read(name);
  }
  if (record.state === "suspended" && !record.suspension) {
    await launch(ctx, name, { signal: interrupt, report: () => {} });
  }
}

async function unlessOvertaken(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!hasReason(error, "INSTANCE_NOT_FOUND", "INSTANCE_NOT_RUNNING", "INSTANCE_RUNNING", "OPERATION_IN_PROGRESS")) {
      throw error;
    }
  }
}
