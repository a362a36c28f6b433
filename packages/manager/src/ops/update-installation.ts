import { type Envelope, effectivePackages, formatName, type InstallationName, NodeError } from "@nodemanager/core";
import type { InstallationRecord, VersionRecord } from "@nodemanager/layout";
import type { TaskContext } from "../batch.ts";
import type { Context } from "../context.ts";
import type { Change, Outcome, UpdateOptions } from "../operation.ts";
import { sizeText } from "../size-text.ts";
import { buildOptions } from "./build-options.ts";
import { collectVersions } from "./collect.ts";
import { diffEnvelopes } from "./diff-envelopes.ts";
import { fetchVersion } from "./fetch-version.ts";
import { bytesToFetch, findOffer, type Offer } from "./find-offer.ts";
import { holdMove, type MoveContext, movableInstallation, wasMovedBy } from "./legality-of-moves.ts";
import { isBehind, moveRunningInstances } from "./move-running-instances.ts";

export interface InstallationUpdate extends UpdateOptions {
  /** Another one, which is the installation's from then on. */
  readonly origin?: string | undefined;
}

/**
 * Moves an installation to what its origin, or another one, offers.
 *
 * 1. the envelope; nothing is fetched for one that says the same as the current one
 * 2. its binaries, as far as they are not here
 * 3. the version, built aside and renamed into place, and then made current: the commit point
 * 4. with `restart`, its running instances one after the other; when one does not hold, all of them and the installation
 *    go back
 * 5. versions that nobody needs any more are removed
 *
 * What was said at installation stays. Instances that run keep their version unless they are restarted. A failure or
 * cancel before 3 leaves nothing; a crash at most verified binaries and a version that nobody needs.
 *
 * @throws NodeError `UPDATE_NOT_AVAILABLE` when there is nothing to do, for a single object; `INSTALLATION_NOT_FOUND`,
 *   `INSTALLATION_UNINSTALLED`, `OPERATION_IN_PROGRESS`, `UPDATE_FAILED`, as `findOffer` and as `fetchVersion`
 */
export async function updateInstallation(
  ctx: Context,
  name: InstallationName,
  options: InstallationUpdate,
  o: MoveContext,
): Promise<Outcome> {
  const object = formatName(name);
  if (options.dryRun) {
    return await preview(ctx, name, options, o);
  }
  using _held = holdMove(ctx, name);
  const record = await movableInstallation(ctx, name);
  let moved: VersionRecord | undefined;
  let changes: readonly Change[] = [];
  let note = "";
  if (await wasMovedBy(ctx, record, options.requestId)) {
    note = "updated by an earlier call with this request id";
  } else {
    await using offer = await findOffer(ctx, record, options, o);
    changes = changesOf(record, offer);
    note = noteOf(offer, options);
    if (changes.length > 0) {
      moved = await bring(ctx, record, offer, { ...o, requestId: options.requestId });
    } else if (!(options.restart && (await isBehind(ctx, record)))) {
      return upToDate(object, record, offer, o);
    }
  }
  if (options.restart) {
    await moveRunningInstances(ctx, name, { before: record, moved }, { ...options, ...o });
  }
  await collectVersions(ctx, name);
  return { object, note, changes };
}

/** What an update would do. */
async function preview(
  ctx: Context,
  name: InstallationName,
  options: InstallationUpdate,
  o: TaskContext,
): Promise<Outcome> {
  const record = await movableInstallation(ctx, name);
  await using offer = await findOffer(ctx, record, options, o);
  const changes = changesOf(record, offer);
  const bytes = changes.length > 0 ? await bytesToFetch(ctx, neededOf(record, offer.envelope)) : 0;
  const fetching = changes.length === 0 ? "up to date" : bytes > 0 ? `${sizeText(bytes)} to fetch` : "nothing to fetch";
  return { object: formatName(name), note: join(fetching, noteOf(offer, options)), changes };
}

async function bring(
  ctx: Context,
  record: InstallationRecord,
  { repository, envelope, origin }: Offer,
  o: TaskContext & { readonly requestId: string | undefined },
): Promise<VersionRecord> {
  const { name, versionDir: from, packages } = record;
  await using fetched = await fetchVersion(ctx, repository, neededOf(record, envelope), o);
  o.report({ phase: "updating", done: 0, goal: 0, unit: "" });
  const { signal, requestId } = o;
  const content = { envelope, origin, packages, build: buildOptions(ctx, o), from, requestId, signal };
  const version = await ctx.root.installations.versions.add(name, content);
  fetched.keep();
  ctx.hub.publish(formatName(name));
  return version;
}

/** What a version is made from: the installation's own packages win over the envelope's. */
function neededOf({ packages }: InstallationRecord, envelope: Envelope): Pick<Envelope, "binary" | "packages"> {
  return { binary: envelope.binary, packages: effectivePackages(envelope, packages) };
}

function upToDate(object: string, record: InstallationRecord, offer: Offer, o: MoveContext): Outcome {
  const { version } = record.envelope;
  if (!o.single) {
    return { object, note: join("up to date", noteOf(offer, {})) };
  }
  const pinned = offer.pinnedTo === undefined ? "" : "; its origin is pinned to that version, so name another one";
  throw new NodeError("UPDATE_NOT_AVAILABLE", `${object} is up to date with version ${version}${pinned}`, {
    metadata: { version },
  });
}

function changesOf(record: InstallationRecord, offer: Offer): readonly Change[] {
  const origin =
    record.origin === offer.origin ? [] : [{ field: "origin", from: record.origin, to: offer.origin } as const];
  return [...diffEnvelopes(record.envelope, offer.envelope), ...origin];
}

function noteOf({ pinnedTo }: Offer, { version, origin }: InstallationUpdate): string {
  return pinnedTo === undefined || version !== undefined || origin !== undefined
    ? ""
    : `its origin is pinned to version ${pinnedTo}`;
}

function join(...notes: readonly string[]): string {
  return notes.filter((note) => note !== "").join("; ");
}
