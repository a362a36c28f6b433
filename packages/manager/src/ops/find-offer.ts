import { binariesOf, type Envelope, formatName, NodeError } from "@nodemanager/core";
import type { InstallationRecord } from "@nodemanager/layout";
import { formatOrigin, parseOrigin, type Repository } from "@nodemanager/repository";
import type { TaskContext } from "../batch.ts";
import type { Context } from "../context.ts";

/** What an origin has for an installation. */
export interface Offer extends AsyncDisposable {
  /** Where its binaries are. */
  readonly repository: Repository;
  readonly envelope: Envelope;
  /** The origin as the new version records it. */
  readonly origin: string;
  /** The only version that the origin gives, if it is pinned to one. */
  readonly pinnedTo: string | undefined;
}

export interface Wanted {
  /** Instead of the installation's. */
  readonly origin?: string | undefined;
  /** Instead of the one that the origin is pinned to, or of the highest one. */
  readonly version?: string | undefined;
}

/**
 * Asks an origin for what an installation would be updated to. Nothing is fetched.
 *
 * @throws NodeError `TITLE_MISMATCH` when it offers another application; `INVALID_ORIGIN`, `ENVELOPE_NOT_FOUND`,
 *   `VERSION_NOT_FOUND`, `PROFILE_MISMATCH`, `INVALID_ENVELOPE`, `REPOSITORY_UNAVAILABLE`
 */
export async function findOffer(
  ctx: Context,
  record: InstallationRecord,
  wanted: Wanted,
  o: Pick<TaskContext, "signal" | "report">,
): Promise<Offer> {
  const asked = parseOrigin(wanted.origin ?? record.origin);
  // An origin that is pinned to a version stays so, if to another one.
  const origin = asked.version === undefined ? asked : { ...asked, version: wanted.version ?? asked.version };
  const repository = await ctx.openRepository(origin.repository);
  try {
    o.report({ phase: "matching", done: 0, goal: 0, unit: "" });
    const { envelope } = await repository.applications.match(origin.application, {
      profiles: await ctx.node.profiles(),
      signal: o.signal,
      version: wanted.version ?? origin.version,
    });
    if (envelope.title !== record.name.title) {
      throw titleMismatch(record, envelope);
    }
    return {
      repository,
      envelope,
      origin: formatOrigin(origin),
      pinnedTo: origin.version,
      [Symbol.asyncDispose]: () => repository[Symbol.asyncDispose](),
    };
  } catch (error) {
    await repository[Symbol.asyncDispose]();
    throw error;
  }
}

/** How many bytes of it are not on this node yet. */
export async function bytesToFetch(ctx: Context, envelope: Pick<Envelope, "binary" | "packages">): Promise<number> {
  let bytes = 0;
  for (const { sha256, sizeBytes } of new Map(binariesOf(envelope).map((ref) => [ref.sha256, ref])).values()) {
    bytes += (await ctx.root.blobs.size(sha256)) === sizeBytes ? 0 : sizeBytes;
  }
  return bytes;
}

function titleMismatch({ name }: InstallationRecord, { title }: Envelope): NodeError {
  return new NodeError(
    "TITLE_MISMATCH",
    `the origin of ${formatName(name)} offers ${JSON.stringify(title)}, which is another application`,
    { metadata: { installed: name.title, offered: title } },
  );
}
