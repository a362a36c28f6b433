import { formatName, type InstanceName, NodeError, throwIfAborted } from "@nodemanager/core";
import type { InstanceRecord, VersionRecord } from "@nodemanager/layout";
import type { TaskContext } from "../batch.ts";
import type { Context } from "../context.ts";
import type { Change, MoveOptions, Outcome, UpdateOptions } from "../operation.ts";
import { diffEnvelopes } from "./diff-envelopes.ts";
import { holdLaunch } from "./launch.ts";
import { requireLegal, settledRecord } from "./legality.ts";
import { holdMove } from "./legality-of-moves.ts";
import { RunningMove } from "./running-move.ts";

/**
 * Moves an instance to the current version of its installation. One that runs is moved with `restart` alone, and goes
 * back when it does not hold; one that does not run is not started.
 *
 * @throws NodeError `UPDATE_NOT_AVAILABLE` when it is there already, `INSTANCE_RUNNING`, `OPERATION_IN_PROGRESS`,
 *   `INSTANCE_NOT_FOUND`, `INSTALLATION_UNINSTALLED`, `UPDATE_FAILED`
 */
export async function updateInstance(
  ctx: Context,
  name: InstanceName,
  options: UpdateOptions,
  o: TaskContext,
): Promise<Outcome> {
  if (options.version !== undefined) {
    throw new NodeError("INVALID_ARGUMENT", "an instance moves to the current version of its installation", {
      metadata: { field: "version" },
    });
  }
  using _held = options.dryRun ? undefined : holdMove(ctx, name);
  const { title, installation } = name;
  const current = await ctx.root.installations.currentVersion({ kind: "installation", title, installation });
  const record = await settledRecord(ctx, name, o.signal);
  const to = await ctx.root.installations.versions.read(current);
  if (options.dryRun) {
    requireNotStopped(record);
    const changes = await changesOf(ctx, record, to);
    return { object: formatName(name), note: changes.length > 0 ? "" : "up to date", changes };
  }
  if (wasMovedBy(record, options.requestId)) {
    return { object: formatName(name), note: "updated by an earlier call with this request id" };
  }
  requireNotStopped(record);
  if (record.versionDir === to.dir) {
    const { version } = to.envelope;
    throw new NodeError("UPDATE_NOT_AVAILABLE", `${formatName(name)} is on the current version ${version} already`, {
      metadata: { version },
    });
  }
  return await move(ctx, record, to, { ...options, ...o });
}

/**
 * Moves an instance to the version before the one that it pins, as {@link updateInstance} does.
 *
 * @throws NodeError `NO_PREVIOUS_VERSION`, `STORE_CORRUPT`, and as `updateInstance`
 */
export async function revertInstance(
  ctx: Context,
  name: InstanceName,
  options: MoveOptions,
  o: TaskContext,
): Promise<Outcome> {
  using _held = holdMove(ctx, name);
  const { title, installation } = name;
  await ctx.root.installations.currentVersion({ kind: "installation", title, installation });
  const record = await settledRecord(ctx, name, o.signal);
  if (wasMovedBy(record, options.requestId)) {
    return { object: formatName(name), note: "reverted by an earlier call with this request id" };
  }
  requireNotStopped(record);
  const previous = await ctx.root.installations.versions.previous(record.versionDir);
  if (previous === undefined) {
    throw new NodeError("NO_PREVIOUS_VERSION", `${formatName(name)} has no version to go back to`);
  }
  const to = await ctx.root.installations.versions.read(previous);
  return await move(ctx, record, to, { ...options, ...o });
}

async function move(
  ctx: Context,
  record: InstanceRecord,
  to: VersionRecord,
  o: TaskContext & MoveOptions,
): Promise<Outcome> {
  const { name } = record;
  const object = formatName(name);
  const changes = await changesOf(ctx, record, to);
  if (o.restart && record.state === "running") {
    await (await RunningMove.begin(ctx, record, to, o)).keep();
  } else {
    using _launching = holdLaunch(ctx, name);
    requireIdle(await settledRecord(ctx, name, o.signal));
    throwIfAborted(o.signal);
    await ctx.root.instances.moves.move(name, { to: to.dir, requestId: o.requestId, trial: false });
  }
  ctx.hub.publish(object);
  return { object, note: "", changes };
}

/** What is stopped for good has no version to be moved to, and is not to be told that it is up to date. */
function requireNotStopped(record: InstanceRecord): void {
  if (record.state === "stopped") {
    requireLegal(record, "launch");
  }
}

function requireIdle(record: InstanceRecord): void {
  if (record.state === "running") {
    throw new NodeError(
      "INSTANCE_RUNNING",
      `instance ${formatName(record.name)} is running; suspend it first, or have it restarted`,
      { metadata: { state: record.state } },
    );
  }
  requireLegal(record, "launch");
}

async function changesOf(ctx: Context, record: InstanceRecord, to: VersionRecord): Promise<readonly Change[]> {
  const from = await ctx.root.instances.version(record);
  return diffEnvelopes(from.envelope, to.envelope);
}

function wasMovedBy({ move }: InstanceRecord, requestId: string | undefined): boolean {
  return requestId !== undefined && move?.requestId === requestId && !move.trial;
}
