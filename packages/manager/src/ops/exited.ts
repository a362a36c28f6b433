import { describeExit, formatName, hasReason, type InstanceName } from "@nodemanager/core";
import { lastLines, terminate } from "@nodemanager/exec";
import type { Context } from "../context.ts";
import { logFile } from "../log-files.ts";
import type { Live } from "../supervisor.ts";
import { stopPolicyOf } from "./end.ts";

/**
 * Records that a running instance's process ended by itself: what it left behind is ended too, and the instance is
 * suspended with the reason. Does nothing when somebody else has claimed the end.
 */
export async function recordExit(ctx: Context, name: InstanceName, live: Live): Promise<void> {
  const key = formatName(name);
  const exit = await live.exited;
  const at = ctx.clock.now();
  try {
    await ctx.root.instances.claimSuspend(name, live.attempt);
  } catch (error) {
    if (hasReason(error, "INSTANCE_NOT_RUNNING", "INSTANCE_NOT_FOUND", "OPERATION_IN_PROGRESS")) {
      return;
    }
    throw error;
  }
  ctx.hub.publish(key);
  const record = await ctx.root.instances.read(name);
  const policy = await stopPolicyOf(ctx, record);
  await terminate(live.target, { signal: policy.signal, graceMs: policy.graceMs, clock: ctx.clock });
  await ctx.root.instances.finishSuspend(name, {
    suspension: { by: "exit", why: `it ${describeExit(exit)}`, at },
    lastExit: {
      exit,
      at,
      lastLines: await lastLines(logFile(record.logsDir, "stdout"), logFile(record.logsDir, "stderr")),
    },
  });
  ctx.logger.info("an instance ended by itself", { instance: key, exit: describeExit(exit) });
  ctx.hub.publish(key);
}
