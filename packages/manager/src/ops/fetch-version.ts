import { type BinaryRef, binariesOf, type Envelope, NodeError, throwIfAborted } from "@nodemanager/core";
import { fetchBinary, type Repository } from "@nodemanager/repository";
import type { TaskContext } from "../batch.ts";
import type { Context } from "../context.ts";
import { reportInSteps } from "../progress-steps.ts";
import { bytesToFetch } from "./find-offer.ts";

/** Everything that a version is made from, on this node. Disposing takes back what was brought for it, unless it was kept. */
export interface FetchedVersion extends AsyncDisposable {
  /** To be called when a version has its links. */
  keep(): void;
}

/**
 * Brings every binary of a version, its program and its packages, to this node, unless it is here already: streamed,
 * capped, verified, then set in its place by its digest. Who wants the same one waits until the result is disposed, so it
 * is fetched once, and what is taken back is nobody else's.
 *
 * @throws NodeError `BINARY_NOT_FOUND`, `DIGEST_MISMATCH`, `SIZE_MISMATCH`, `TOO_LARGE`, `REPOSITORY_UNAVAILABLE`,
 *   `DISK_FULL`, which is also found before anything is fetched; nothing stays then
 */
export async function fetchVersion(
  ctx: Context,
  repository: Repository,
  version: Pick<Envelope, "binary" | "packages">,
  o: TaskContext,
): Promise<FetchedVersion> {
  const refs = new Map(binariesOf(version).map((ref) => [ref.sha256, ref]));
  requireSizes(ctx, refs.values());
  const held = new AsyncDisposableStack();
  const brought: string[] = [];
  held.defer(async () => {
    for (const sha256 of brought) {
      await discard(ctx, sha256);
    }
  });
  const locks = new DisposableStack();
  try {
    // In one order for all, so that nobody waits for who waits for them.
    const inOrder = [...refs].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [sha256] of inOrder) {
      locks.use(await ctx.binaries.acquire(sha256, o.signal));
    }
    const missing = await bytesToFetch(ctx, version);
    if (missing > 0) {
      await ctx.root.blobs.requireSpace(missing);
    }
    for (const [sha256, ref] of inOrder) {
      if (await fetchUnlessHere(ctx, repository, ref, o)) {
        brought.push(sha256);
      }
    }
  } catch (error) {
    await held.disposeAsync();
    locks.dispose();
    throw error;
  }
  return {
    keep: () => brought.splice(0),
    async [Symbol.asyncDispose]() {
      await held.disposeAsync();
      locks.dispose();
    },
  };
}

/** What this node would never take is not a matter of how much space there is. */
function requireSizes(ctx: Context, refs: Iterable<BinaryRef>): void {
  for (const { sizeBytes } of refs) {
    if (sizeBytes > ctx.maxBinaryBytes) {
      throw new NodeError(
        "TOO_LARGE",
        `a binary has ${sizeBytes} bytes, this node takes at most ${ctx.maxBinaryBytes}`,
      );
    }
  }
}

/** Takes back a binary that this call has brought; nobody else can have linked to it, because they wait for us. */
async function discard(ctx: Context, sha256: string): Promise<void> {
  try {
    await ctx.root.blobs.retire(sha256);
  } catch (error) {
    ctx.logger.warn("a binary that nobody uses stays", { sha256, error });
  }
}

/** Makes sure that a binary is in the blob store. @returns whether it was brought there */
async function fetchUnlessHere(ctx: Context, repository: Repository, ref: BinaryRef, o: TaskContext): Promise<boolean> {
  if (await ctx.root.blobs.isIntact(ref)) {
    return false;
  }
  await using blob = await ctx.root.blobs.begin(ref);
  await fetchBinary({
    from: repository.binaries,
    ref,
    sink: blob,
    maxBytes: ctx.maxBinaryBytes,
    signal: o.signal,
    clock: ctx.clock,
    tuning: ctx.transfer,
    onProgress: reportInSteps(o.report, "fetching"),
  });
  throwIfAborted(o.signal);
  await blob.commit();
  return true;
}
