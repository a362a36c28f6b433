import { describeExit, type ExitStatus, formatName, hasReason, type InstanceName } from "@nodemanager/core";
import { terminate } from "@nodemanager/exec";
import type { LastExit } from "@nodemanager/layout";
import type { Context } from "../context.ts";
import type { Live } from "../supervisor.ts";
import { lastExitOf, stopPolicyOf } from "./end.ts";

/**
 * Records that an instance's process ended by itself: what it left behind is ended too, and the instance is suspended
 * with the reason. Does nothing when somebody else has claimed the end.
 *
 * @throws NodeError `CHILD_NOT_STOPPED` when something that it left cannot be killed; `DISK_FULL` and the like
 */
export async function recordExit(ctx: Context, name: InstanceName, live: Live): Promise<void> {
  await settleExit(ctx, name, live, async (exit, at) => {
    // Before anything that takes time: a manager that is killed meanwhile must not take it for one to be resumed.
    await ctx.root.instances.setSuspension(name, { by: "exit", why: `it ${describeExit(exit)}`, at });
  });
}

/**
 * Brings the end of a process that ended by itself to disk, with what it left behind ended too. Does nothing when
 * somebody else has claimed the end.
 *
 * @param onClaimed - what is to be written down before anything that takes time
 * @returns how it ended; undefined when that is somebody else's
 * @throws NodeError `CHILD_NOT_STOPPED`; `DISK_FULL` and the like
 */
export async function settleExit(
  ctx: Context,
  name: InstanceName,
  live: Live,
  onClaimed: (exit: ExitStatus, at: Date) => Promise<void> = async () => {},
): Promise<LastExit | undefined> {
  const key = formatName(name);
  const exit = await live.exited;
  const at = ctx.clock.now();
  using _held = await ctx.ending.acquire(key);
  if (!(await claim(ctx, name, live))) {
    return undefined;
  }
  ctx.hub.publish(key);
  await onClaimed(exit, at);
  const record = await ctx.root.instances.read(name);
  const policy = await stopPolicyOf(ctx, record);
  await terminate(live.target, { signal: policy.signal, graceMs: policy.graceMs, clock: ctx.clock });
  const lastExit = { ...(await lastExitOf(ctx, record, live.attempt, live, exit)), at };
  await ctx.root.instances.finishSuspend(name, { lastExit });
  ctx.supervisor.remove(key, live.attempt);
  ctx.logger.info("an instance ended by itself", { instance: key, exit: describeExit(exit) });
  ctx.hub.publish(key);
  return lastExit;
}

async function claim(ctx: Context, name: InstanceName, live: Live): Promise<boolean> {
  try {
    await ctx.root.instances.claimSuspend(name, live.attempt);
    return true;
  } catch (error) {
    if (hasReason(error, "INSTANCE_NOT_RUNNING", "INSTANCE_NOT_FOUND", "OPERATION_IN_PROGRESS")) {
      return false;
    }
    throw error;
  }
}
