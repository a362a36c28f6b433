import { formatName, hasReason, type InstallationName, type InstanceName, NodeError } from "@nodemanager/core";
import type { TaskContext } from "../batch.ts";
import type { Context } from "../context.ts";
import type { Outcome } from "../operation.ts";
import { type StopOptions, stop } from "./stop.ts";

/**
 * Ends all instances of an installation and takes it out of use.
 *
 * The claim comes first, so that nothing starts after it, and is the commit point. An installation that was left
 * uninstalling by a failure is taken up again.
 *
 * @throws NodeError `INSTALLATION_NOT_FOUND`, `OPERATION_IN_PROGRESS`, and the first failure to stop an instance
 */
export async function uninstall(ctx: Context, name: InstallationName, o: StopOptions): Promise<Outcome> {
  const object = formatName(name);
  using lock = ctx.ending.tryAcquire(object);
  if (!lock) {
    throw new NodeError("OPERATION_IN_PROGRESS", `installation ${object} is being uninstalled already`);
  }
  o.signal.throwIfAborted();
  const record = await ctx.root.installations.read(name);
  if (record.state === "installed") {
    await ctx.root.installations.claimUninstall(name, o.requestId === undefined ? {} : { requestId: o.requestId });
  }
  ctx.hub.publish(object);
  await stopInstances(ctx, name, o);
  await ctx.root.installations.finishUninstall(name);
  ctx.hub.publish(object);
  return { object, note: "" };
}

async function stopInstances(ctx: Context, installation: InstallationName, o: StopOptions): Promise<void> {
  const names: InstanceName[] = [];
  for await (const record of ctx.root.instances.list(installation)) {
    if (record.kind === "instance") {
      names.push(record.name);
    }
  }
  // Past the commit point: a cancel must not leave half of them running.
  const { signal } = new AbortController();
  const results = await Promise.allSettled(names.map((name) => stopOrWait(ctx, name, { ...o, signal })));
  const failure = results.find((result) => result.status === "rejected");
  if (failure) {
    throw failure.reason;
  }
}

/** Somebody else may be ending it already; then their end is ours. */
async function stopOrWait(ctx: Context, name: InstanceName, o: StopOptions & TaskContext): Promise<void> {
  for (;;) {
    try {
      await stop(ctx, name, o);
      return;
    } catch (error) {
      if (hasReason(error, "INSTANCE_NOT_FOUND")) {
        return;
      }
      if (!hasReason(error, "OPERATION_IN_PROGRESS")) {
        throw error;
      }
      using _held = await ctx.ending.acquire(formatName(name));
    }
  }
}
