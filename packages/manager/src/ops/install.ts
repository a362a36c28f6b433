import {
  checkAdditions,
  type Envelope,
  formatName,
  fromErrno,
  type InstallationName,
  NodeError,
  parseTitle,
  throwIfAborted,
} from "@nodemanager/core";
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
 * Installations of one binary wait for each other at 2, so it is fetched once. A failure or cancel before 3 leaves
 * nothing; a crash at most a verified binary, which the next start-up removes.
 *
 * @throws NodeError `INVALID_ARGUMENT` when the request id was used for another origin, or for arguments or variables
 *   that no process can have; `INVALID_ORIGIN`, `ENVELOPE_NOT_FOUND`, `VERSION_NOT_FOUND`, `PROFILE_MISMATCH`,
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
  const origin = parseOrigin(originText);
  checkAdditions(options);
  const known = requestId === undefined ? undefined : await ctx.root.installations.findByRequest(requestId);
  if (known) {
    if (known.origin !== formatOrigin(origin)) {
      throw new NodeError("INVALID_ARGUMENT", `this request id was used to install ${known.origin}`);
    }
    return { object: formatName(known.name), note: "installed by an earlier call with this request id" };
  }
  await using repository = await ctx.openRepository(origin.repository);
  o.report({ phase: "matching", done: 0, goal: 0, unit: "" });
  const profiles = await ctx.node.profiles();
  const { envelope } = await repository.applications.match(origin.application, {
    profiles,
    signal: o.signal,
    version: origin.version,
  });
  const title = parseTitle(envelope.title);
  using _held = await ctx.binaries.acquire(envelope.binary.sha256, o.signal);
  const isNew = await fetchUnlessHere(ctx, repository, envelope, o);
  try {
    throwIfAborted(o.signal);
    o.report({ phase: "installing", done: 0, goal: 0, unit: "" });
    const record = await ctx.root.installations.install({
      title,
      envelope,
      origin: formatOrigin(origin),
      env: options.env ?? {},
      args: options.args ?? [],
      binary: envelope.binary.sha256,
      requestId,
    });
    return { object: publish(ctx, record.name), note: "" };
  } catch (error) {
    if (isNew) {
      await discard(ctx, envelope.binary.sha256);
    }
    throw fromErrno(error, `installing ${originText}`);
  }
}

function publish(ctx: Context, name: InstallationName): string {
  const object = formatName(name);
  ctx.hub.publish(formatName({ kind: "application", title: name.title }));
  ctx.hub.publish(object);
  return object;
}

/** Takes back a binary that this call has brought; nobody else can have linked to it, because they wait for us. */
async function discard(ctx: Context, sha256: string): Promise<void> {
  try {
    await ctx.root.blobs.retire(sha256);
  } catch (error) {
    ctx.logger.warn("a binary that nobody uses stays", { sha256, error });
  }
}

/** Makes sure that the binary is in the blob store. @returns whether it was brought there */
async function fetchUnlessHere(
  ctx: Context,
  repository: Repository,
  envelope: Envelope,
  o: TaskContext,
): Promise<boolean> {
  const { binary } = envelope;
  if (await ctx.root.blobs.isIntact(binary)) {
    return false;
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
    tuning: ctx.transfer,
    onProgress: (done, goal) => {
      const step = goal === 0 ? 0 : Math.floor((done * PROGRESS_STEPS) / goal);
      if (step !== told) {
        told = step;
        o.report({ phase: "fetching", done, goal, unit: "bytes" });
      }
    },
  });
  await checkRunsHere(ctx, await blob.head());
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
