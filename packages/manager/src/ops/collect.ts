import type { BinaryRef, InstallationName } from "@nodemanager/core";
import { formatName } from "@nodemanager/core";
import type { Context } from "../context.ts";

/** Removes versions of an installation, and binaries, that nobody needs any more. What does not work is logged. */
export async function collectVersions(ctx: Context, name: InstallationName): Promise<void> {
  try {
    await ctx.root.installations.versions.collect(name, { keep: ctx.keepVersions });
    await collectBinaries(ctx);
  } catch (error) {
    ctx.logger.warn("old versions stay", { installation: formatName(name), error });
  }
}

export interface CollectBinariesOptions {
  /** Is told of each before it is removed; false leaves it. */
  readonly each?: ((binary: BinaryRef) => Promise<boolean>) | undefined;
  /** Also those that a version links to: `each` is told of them, and they stay. */
  readonly all?: boolean | undefined;
}

/**
 * Removes the binaries that no version links to. What somebody fetches right now, or is about to link to, is theirs.
 *
 * @returns the digests that were removed
 * @throws NodeError `DISK_FULL`, `READ_ONLY`, `ROOT_NOT_WRITABLE`
 */
export async function collectBinaries(ctx: Context, o: CollectBinariesOptions = {}): Promise<string[]> {
  const removed: string[] = [];
  for await (const { isUsed, ...binary } of ctx.root.blobs.list()) {
    using lock = isUsed && !o.all ? undefined : ctx.binaries.tryAcquire(binary.sha256);
    if (lock && (await o.each?.(binary)) !== false && (await ctx.root.blobs.retireUnused(binary.sha256))) {
      removed.push(binary.sha256);
    }
  }
  return removed;
}
