import { formatName, type InstallationName, type InstanceName, NodeError } from "@nodemanager/core";
import type { InstallationRecord } from "@nodemanager/layout";
import type { TaskContext } from "../batch.ts";
import type { Context } from "../context.ts";

/** What a move between versions works with. */
export interface MoveContext extends TaskContext {
  /** One object is meant by its full name: that there is nothing to do is a failure then. */
  readonly single: boolean;
}

/**
 * The right to move an installation or an instance between versions, within this process: one holder at a time, the
 * others are told at once.
 *
 * @throws NodeError `OPERATION_IN_PROGRESS`
 */
export function holdMove(ctx: Context, name: InstallationName | InstanceName): Disposable {
  const lock = ctx.moving.tryAcquire(formatName(name));
  if (!lock) {
    throw new NodeError("OPERATION_IN_PROGRESS", `${formatName(name)} is being updated or reverted already`);
  }
  return lock;
}

/**
 * Reads an installation that is in use.
 *
 * @throws NodeError `INSTALLATION_UNINSTALLED`, `INSTALLATION_NOT_FOUND`, `STORE_CORRUPT`
 */
export async function movableInstallation(ctx: Context, name: InstallationName): Promise<InstallationRecord> {
  // Tells one that was uninstalled from one that never was there.
  await ctx.root.installations.currentVersion(name);
  return await ctx.root.installations.read(name);
}

/** Whether the last thing that moved an installation was the call with this request id. */
export async function wasMovedBy(
  ctx: Context,
  { name }: InstallationRecord,
  requestId: string | undefined,
): Promise<boolean> {
  return requestId !== undefined && (await ctx.root.installations.versions.lastMove(name))?.requestId === requestId;
}
