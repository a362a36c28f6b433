import { formatName, type InstallationName, NodeError, throwIfAborted } from "@nodemanager/core";
import type { VersionRecord } from "@nodemanager/layout";
import type { Context } from "../context.ts";
import type { Change, MoveOptions, Outcome } from "../operation.ts";
import { diffEnvelopes } from "./diff-envelopes.ts";
import { holdMove, type MoveContext, movableInstallation, wasMovedBy } from "./legality-of-moves.ts";
import { moveRunningInstances } from "./move-running-instances.ts";

/**
 * Moves an installation back to the version before its current one, which must be whole; the move of `current` is the
 * commit point. With `restart`, running instances follow as they do in an update.
 *
 * @throws NodeError `NO_PREVIOUS_VERSION` when there was none or it was collected, for a single object; `STORE_CORRUPT`
 *   when what it was cannot be read, and nothing has changed; `INSTALLATION_NOT_FOUND`, `INSTALLATION_UNINSTALLED`,
 *   `OPERATION_IN_PROGRESS`, `UPDATE_FAILED`
 */
export async function revertInstallation(
  ctx: Context,
  name: InstallationName,
  options: MoveOptions,
  o: MoveContext,
): Promise<Outcome> {
  const object = formatName(name);
  using _held = holdMove(ctx, name);
  const { versions } = ctx.root.installations;
  const record = await movableInstallation(ctx, name);
  let moved: VersionRecord | undefined;
  let changes: readonly Change[] = [];
  let note = "";
  if (await wasMovedBy(ctx, record, options.requestId)) {
    note = "reverted by an earlier call with this request id";
  } else {
    const to = await versions.previous(record.versionDir);
    if (to === undefined) {
      return nothingBefore(object, o);
    }
    throwIfAborted(o.signal);
    moved = await versions.switchTo(name, { from: record.versionDir, to, requestId: options.requestId });
    ctx.hub.publish(object);
    changes = diffEnvelopes(record.envelope, moved.envelope);
  }
  if (options.restart) {
    await moveRunningInstances(ctx, name, { before: record, moved }, { ...options, ...o });
  }
  return { object, note, changes };
}

function nothingBefore(object: string, { single }: MoveContext): Outcome {
  if (single) {
    throw new NodeError("NO_PREVIOUS_VERSION", `${object} has no version to go back to`);
  }
  return { object, note: "nothing to go back to" };
}
