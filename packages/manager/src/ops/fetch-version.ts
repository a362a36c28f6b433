import { type BinaryRef, binariesOf, type Envelope, NodeError, throwIfAborted } from "@nodemanager/core";
import { inspectBinary, isRunnable } from "@nodemanager/profile";
import { fetchBinary, type Repository } from "@nodemanager/repository";
import type { TaskContext } from "../batch.ts";
import type { Context } from "../context.ts";

/** Progress is told when this share of a download has come in, so that a large one costs few messages. */
const PROGRESS_STEPS = 100;

/** Everything that a version is made from, on this node. Disposing takes back what was brought for it, unless it was kept. */
export interface FetchedVersion extends AsyncDisposable {
  /** To be called when a version has its links. */
  keep(): void;
}

/**
 * Brings every binary of an envelope to this node, unless it is here already: streamed, capped, verified, then set in its
 * place by its digest. Who wants the same one waits until the result is disposed, so it is fetched once, and what is
 * taken back is nobody else's.
 *
 * @throws NodeError `BINARY_NOT_FOUND`, `BINARY_INCOMPATIBLE`, `DIGEST_MISMATCH`, `SIZE_MISMATCH`, `TOO_LARGE`,
 *   `REPOSITORY_UNAVAILABLE`, `DISK_FULL`; nothing stays then
 */
export async function fetchVersion(
  ctx: Context,
  repository: Repository,
  envelope: Pick<Envelope, "binary" | "packages">,
  o: TaskContext,
): Promise<FetchedVersion> {
  const refs = new Map(binariesOf(envelope).map((ref) => [ref.sha256, ref]));
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
    for (const [sha256, ref] of [...refs].sort(([a], [b]) => (a < b ? -1 : 1))) {
      locks.use(await ctx.binaries.acquire(sha256, o.signal));
      const isProgram = sha256 === envelope.binary?.sha256;
      if (await fetchUnlessHere(ctx, repository, ref, { ...o, isProgram })) {
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

/** Takes back a binary that this call has brought; nobody else can have linked to it, because they wait for us. */
async function discard(ctx: Context, sha256: string): Promise<void> {
  try {
    await ctx.root.blobs.retire(sha256);
  } catch (error) {
    ctx.logger.warn("a binary that nobody uses stays", { sha256, error });
  }
}

/** Makes sure that a binary is in the blob store. @returns whether it was brought there */
async function fetchUnlessHere(
  ctx: Context,
  repository: Repository,
  ref: BinaryRef,
  o: TaskContext & { readonly isProgram: boolean },
): Promise<boolean> {
  if (await ctx.root.blobs.isIntact(ref)) {
    return false;
  }
  if (ref.sizeBytes > ctx.maxBinaryBytes) {
    throw new NodeError(
      "TOO_LARGE",
      `the binary has ${ref.sizeBytes} bytes, this node takes at most ${ctx.maxBinaryBytes}`,
    );
  }
  await using blob = await ctx.root.blobs.begin(ref);
  let told = -1;
  await fetchBinary({
    from: repository.binaries,
    ref,
    sink: blob,
    maxBytes: ctx.maxBinaryBytes,
    signal: o.signal,
    clock: ctx.clock,
    tuning: ctx.transfer,
    onProgress: (done, goal) => {
      const step = goal === 0 ? 0 : Math.floor((done * PROGRESS_STEPS) / goal);
      if (step !== told) {
        told = step;
        o.report({ phase: "fetching", done, goal, unit: "bytes" });
      }
    },
  });
  if (o.isProgram) {
    await checkRunsHere(ctx, await blob.head());
  }
  throwIfAborted(o.signal);
  await blob.commit();
  return true;
}

/** A publisher's label may be wrong; what the file says of itself is not. */
async function checkRunsHere(ctx: Context, head: Uint8Array): Promise<void> {
  const binary = inspectBinary(head);
  if (binary.kind === "script") {
    return;
  }
  if (binary.kind === "unknown") {
    throw new NodeError("BINARY_INCOMPATIBLE", "the binary is neither a program nor a script that begins with #!");
  }
  const { runnable, reason } = isRunnable(await ctx.node.specification(), binary.specification);
  if (!runnable) {
    throw new NodeError("BINARY_INCOMPATIBLE", `the binary does not run on this node: ${reason}`);
  }
}
