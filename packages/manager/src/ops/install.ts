import { type Envelope, formatName, fromErrno, hasReason, NodeError, parseTitle } from "@nodemanager/core";
import { inspectBinary, isRunnable } from "@nodemanager/profile";
import { fetchBinary, formatOrigin, parseOrigin, type Repository } from "@nodemanager/repository";
import type { TaskContext } from "../batch.ts";
import type { Context } from "../context.ts";
import type { InstallOptions, Outcome } from "../operation.ts";

/** Progress is told when this share of a download has come in, so that a large one costs few messages. */
const PROGRESS_STEPS = 100;

/**
 * Installs what an origin offers for this node.
 *
 * 1. the envelope for the first of the node's profiles that has one
 * 2. the binary, unless it is here already: streamed, capped, verified, then set in its place by its digest
 * 3. the installation, built aside and renamed into place: the commit point
 *
 * A crash or cancel before 3 leaves nothing but, at most, a verified binary that the next installation uses.
 *
 * @throws NodeError `INVALID_ORIGIN`, `ENVELOPE_NOT_FOUND`, `VERSION_NOT_FOUND`, `PROFILE_MISMATCH`,
 *   `INVALID_ENVELOPE`, `RESERVED_TITLE`, `BINARY_NOT_FOUND`, `BINARY_INCOMPATIBLE`, `DIGEST_MISMATCH`,
 *   `SIZE_MISMATCH`, `TOO_LARGE`, `REPOSITORY_UNAVAILABLE`, `DISK_FULL`
 */
export async function install(
  ctx: Context,
  originText: string,
  options: InstallOptions,
  o: TaskContext,
): Promise<Outcome> {
  const { requestId } = options;
  const known = requestId === undefined ? undefined : await ctx.root.installations.findByRequest(requestId);
  if (known) {
    return { object: formatName(known.name), note: "installed by an earlier call with this request id" };
  }
  const origin = parseOrigin(originText);
  await using repository = await ctx.openRepository(origin.repository);
  o.report({ phase: "matching", done: 0, goal: 0, unit: "" });
  const profiles = await ctx.node.profiles();
  const { envelope } = await repository.applications.match(origin.application, {
    profiles,
    signal: o.signal,
    ...(origin.version === undefined ? {} : { version: origin.version }),
  });
  const title = parseTitle(envelope.title);
  await fetchOnce(ctx, repository, envelope, o);
  o.signal.throwIfAborted();
  o.report({ phase: "installing", done: 0, goal: 0, unit: "" });
  try {
    const record = await ctx.root.installations.install({
      title,
      envelope,
      origin: formatOrigin(origin),
      env: options.env ?? {},
      args: options.args ?? [],
      binary: envelope.binary.sha256,
      ...(requestId === undefined ? {} : { requestId }),
    });
    const object = formatName(record.name);
    ctx.hub.publish(object);
    return { object, note: "" };
  } catch (error) {
    throw fromErrno(error, `installing ${originText}`);
  }
}

/** Makes sure that the binary is in the blob store. */
async function fetchOnce(ctx: Context, repository: Repository, envelope: Envelope, o: TaskContext): Promise<void> {
  const { binary } = envelope;
  if ((await ctx.root.blobs.size(binary.sha256)) === binary.sizeBytes) {
    return;
  }
  if (binary.sizeBytes > ctx.maxBinaryBytes) {
    throw new NodeError(
      "TOO_LARGE",
      `the binary has ${binary.sizeBytes} bytes, this node takes at most ${ctx.maxBinaryBytes}`,
    );
  }
  await using blob = await ctx.root.blobs.begin(binary);
  let told = -1;
  await fetchBinary({
    from: repository.binaries,
    ref: binary,
    sink: blob,
    maxBytes: ctx.maxBinaryBytes,
    signal: o.signal,
    clock: ctx.clock,
    onProgress: (done, goal) => {
      const step = goal === 0 ? 0 : Math.floor((done * PROGRESS_STEPS) / goal);
      if (step !== told) {
        told = step;
        o.report({ phase: "fetching", done, goal, unit: "bytes" });
      }
    },
  });
  await checkRunsHere(ctx, await blob.head());
  try {
    await blob.commit();
  } catch (error) {
    // Another installation of the same binary was faster; what it set in place has the same digest.
    if (!hasReason(error, "ALREADY_EXISTS")) {
      throw error;
    }
  }
}

/** A publisher's label may be wrong; what the file says of itself is not. */
async function checkRunsHere(ctx: Context, head: Uint8Array): Promise<void> {
  const binary = inspectBinary(head);
  if (!("specification" in binary)) {
    return;
  }
  const { runnable, reason } = isRunnable(await ctx.node.specification(), binary.specification);
  if (!runnable) {
    throw new NodeError("BINARY_INCOMPATIBLE", `the binary does not run on this node: ${reason}`);
  }
}
