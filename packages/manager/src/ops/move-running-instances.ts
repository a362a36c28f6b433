import { formatName, hasReason, type InstallationName, NodeError } from "@nodemanager/core";
import type { InstallationRecord, InstanceRecord, VersionRecord } from "@nodemanager/layout";
import type { TaskContext } from "../batch.ts";
import type { Context } from "../context.ts";
import type { MoveOptions } from "../operation.ts";
import { holdMove } from "./legality-of-moves.ts";
import { RunningMove } from "./running-move.ts";

export interface InstallationMove {
  /** The installation as it was before. */
  readonly before: InstallationRecord;
  /** The version that was made current just now; undefined when it was current before. */
  readonly moved: VersionRecord | undefined;
}

type Running = InstanceRecord & { readonly state: "running" };

/** Whether instances run that are not on the installation's current version. */
export async function isBehind(ctx: Context, { name, versionDir }: InstallationRecord): Promise<boolean> {
  return (await runningBehind(ctx, name, versionDir)).length > 0;
}

/**
 * Moves the running instances of an installation to its current version, one after the other, so that a version that
 * does not hold takes down one of them at a time. When one does not hold, or the caller goes away, those that were moved
 * go back, and so does the installation. One that somebody suspends or stops before its turn is left alone, and one that was
 * moved and is stopped before the others are done is not missed.
 *
 * @throws NodeError `UPDATE_FAILED` naming the instance, `CANCELLED`
 */
export async function moveRunningInstances(
  ctx: Context,
  name: InstallationName,
  { before, moved }: InstallationMove,
  o: TaskContext & MoveOptions,
): Promise<void> {
  const to = moved ?? (await ctx.root.installations.versions.read(before.versionDir));
  const done: RunningMove[] = [];
  using held = new DisposableStack();
  try {
    for (const { name: instance } of await runningBehind(ctx, name, to.dir)) {
      held.use(holdMove(ctx, instance));
      // The ones before it may have taken long.
      const record = await unlessGone(ctx.root.instances.read(instance));
      if (record && isRunningBehind(record, to.dir)) {
        done.push(await RunningMove.begin(ctx, record, to, o));
      }
    }
    for (const move of done) {
      await unlessGone(move.keep());
    }
  } catch (error) {
    if (o.interrupt.aborted) {
      // The next manager takes back what is not proven.
      throw error;
    }
    const problems = await takeBack(ctx, name, { before, moved }, done);
    const isBack = moved && `${formatName(name)} is on version ${before.envelope.version} again`;
    throw failure(error, isBack, problems);
  }
}

async function runningBehind(ctx: Context, name: InstallationName, versionDir: string): Promise<Running[]> {
  const found: Running[] = [];
  for await (const record of ctx.root.instances.list(name)) {
    if (record.kind === "instance" && isRunningBehind(record, versionDir)) {
      found.push(record);
    }
  }
  return found;
}

function isRunningBehind(record: InstanceRecord, versionDir: string): record is Running {
  return record.state === "running" && record.versionDir !== versionDir;
}

/** Somebody may stop an instance for good meanwhile, and collect what is left of it. */
async function unlessGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (hasReason(error, "INSTANCE_NOT_FOUND")) {
      return undefined;
    }
    throw error;
  }
}

/** @returns what did not go back, for people */
async function takeBack(
  ctx: Context,
  name: InstallationName,
  { before, moved }: InstallationMove,
  done: readonly RunningMove[],
): Promise<string[]> {
  const problems: string[] = [];
  const attempt = async (what: string, work: () => Promise<unknown>) => {
    try {
      await work();
    } catch (error) {
      ctx.logger.warn("something did not go back to the old version", { object: what, error });
      problems.push(`${what} did not go back: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  if (moved) {
    const back = { from: moved.dir, to: before.versionDir };
    await attempt(formatName(name), () => ctx.root.installations.versions.switchTo(name, back));
    ctx.hub.publish(formatName(name));
  }
  for (const move of done) {
    await attempt(move.key, () => unlessGone(move.goBack()));
  }
  return problems;
}

function failure(error: unknown, isBack: string | undefined, problems: readonly string[]): unknown {
  const more = [...(isBack !== undefined && hasReason(error, "UPDATE_FAILED") ? [isBack] : []), ...problems];
  if (more.length === 0) {
    return error;
  }
  const message = error instanceof Error ? error.message : String(error);
  const metadata = error instanceof NodeError ? error.metadata : {};
  return new NodeError("UPDATE_FAILED", [message, ...more].join("; "), { metadata, cause: error });
}
