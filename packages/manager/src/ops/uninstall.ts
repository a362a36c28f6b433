import { formatName, hasReason, type InstallationName, NodeError, throwIfAborted } from "@nodemanager/core";
import { terminate } from "@nodemanager/exec";
import type { Context } from "../context.ts";
import type { Outcome } from "../operation.ts";
import { type StopOptions, stopAfterOthers } from "./stop.ts";

/** A process whose instance cannot be read any more gets this long to end in order unless the caller says otherwise. */
const BROKEN_GRACE_MS = 10_000;

/**
 * Ends all instances of an installation and takes it out of use.
 *
 * The claim comes first, so that nothing starts after it, and is the commit point. An installation that was left
 * uninstalling by a failure is taken up again.
 *
 * @throws NodeError `INSTALLATION_UNINSTALLED` while somebody else uninstalls it, `INSTALLATION_NOT_FOUND` after that;
 *   `STORE_CORRUPT` when it is so broken that it cannot be claimed, and the first failure to stop an instance
 */
export async function uninstall(ctx: Context, name: InstallationName, o: StopOptions): Promise<Outcome> {
  const object = formatName(name);
  using lock = ctx.ending.tryAcquire(object);
  if (!lock) {
    throw new NodeError("INSTALLATION_UNINSTALLED", `installation ${object} is being uninstalled already`);
  }
  throwIfAborted(o.signal);
  if (!(await claim(ctx, name, o.requestId))) {
    return { object, note: "uninstalled by an earlier call with this request id" };
  }
  ctx.hub.publish(object);
  await stopInstances(ctx, name, o);
  await ctx.root.installations.finishUninstall(name);
  ctx.starts.forget(name);
  ctx.hub.publish(object);
  ctx.hub.publish(formatName({ kind: "application", title: name.title }));
  return { object, note: "" };
}

/**
 * Ends all instances of an installation, also those that are broken.
 *
 * @throws NodeError the first failure; the others have been tried all the same
 */
export async function stopInstances(ctx: Context, installation: InstallationName, o: StopOptions): Promise<void> {
  const records = await Array.fromAsync(ctx.root.instances.list(installation));
  // Past the commit point: a cancel must not leave half of them running.
  const { signal } = new AbortController();
  const ends = records.map((record) =>
    record.kind === "instance"
      ? stopAfterOthers(ctx, record.name, { ...o, signal, interrupt: signal })
      : endBroken(ctx, record.name, o),
  );
  const failure = (await Promise.allSettled(ends)).find((result) => result.status === "rejected");
  if (failure) {
    throw failure.reason;
  }
}

/** Ends the process of an instance whose documents cannot be read, if it is known from before. */
async function endBroken(ctx: Context, key: string, o: StopOptions): Promise<void> {
  const live = ctx.supervisor.find(key);
  if (live) {
    ctx.supervisor.take(key, live.attempt);
    await terminate(live.target, {
      signal: "SIGTERM",
      graceMs: o.deadlineMs ?? BROKEN_GRACE_MS,
      clock: ctx.clock,
    });
    ctx.supervisor.remove(key, live.attempt);
  }
}

/** @returns whether there is something to do */
async function claim(ctx: Context, name: InstallationName, requestId: string | undefined): Promise<boolean> {
  const { installations } = ctx.root;
  try {
    await installations.claimUninstall(name, { requestId });
    return true;
  } catch (error) {
    if (!hasReason(error, "INSTALLATION_UNINSTALLED")) {
      throw error;
    }
  }
  try {
    await installations.read(name);
    return true;
  } catch (error) {
    if (hasReason(error, "STORE_CORRUPT")) {
      return true;
    }
    if (requestId !== undefined && (await installations.uninstallation(name))?.requestId === requestId) {
      return false;
    }
    throw error;
  }
}
