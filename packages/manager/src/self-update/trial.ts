import { abortError, deadlineSignal, describeExit, type Envelope, NodeError, newId } from "@nodemanager/core";
import { ParentHandle } from "@nodemanager/exec";
import type { ScratchRoot, WorkspaceRecord } from "@nodemanager/layout";
import type { TaskContext } from "../batch.ts";
import { type ChildSockets, childSockets, makeChildSockets, removeChildSockets } from "../child-sockets.ts";
import type { Context } from "../context.ts";
import type { SelfUpdateSetup } from "./setup.ts";
import { startScript } from "./start-script.ts";
import { type CheckedCandidate, TRIAL_CHECKS } from "./trial-checks.ts";

/** The key under which a candidate names where it serves. */
const NODE_ADDRESS = "NODE_ADDRESS";

/**
 * Tries a candidate before anything is switched to it: runs it as an ordinary manager, by its own start script, on a
 * scratch root below the real one that has a link and a previous version of its own, and asks it a fixed list of questions
 * (`trial-checks.ts`). The live root and the live link are never named to it.
 *
 * Its process is held at its gate until it is noted in its workspace, so that a manager that comes after a crash finds it.
 * When this returns, nothing of it lives and nothing of the scratch root is left.
 *
 * @throws NodeError `TRIAL_FAILED` (metadata: `check`, `version`, `lastLines`); `CANCELLED` or the signal's error
 */
export async function tryCandidate(
  ctx: Context,
  setup: SelfUpdateSetup,
  candidate: WorkspaceRecord,
  envelope: Envelope,
  o: TaskContext,
): Promise<void> {
  const { trialTimeoutMs } = setup;
  using deadline = deadlineSignal(
    trialTimeoutMs,
    () => new NodeError("TRIAL_FAILED", `not within the ${trialTimeoutMs} ms of the trial`),
    o.signal,
  );
  const launchId = newId();
  const sockets = childSockets(ctx.root.runDir, launchId);
  await using cleanup = new AsyncDisposableStack();
  let handle: ParentHandle | undefined;
  let check = "start";
  let number = 0;
  const begin = (name: string) => {
    check = name;
    o.report({ phase: `trial: ${name}`, done: number++, goal: TRIAL_CHECKS.length + 2, unit: "" });
  };
  try {
    begin("start");
    const scratch = cleanup.use(await ctx.root.scratch());
    const previous = await furnish(scratch, setup, candidate, sockets);
    await makeChildSockets(sockets);
    cleanup.defer(() => removeChildSockets(ctx.root.runDir, launchId));
    handle = cleanup.use(await spawn(ctx, setup, scratch, launchId));
    const { identity: process, cgroup } = handle;
    await ctx.root.manager.noteTrial(candidate.version, { process, launchId, cgroup });
    begin("call back");
    await callBack(ctx, handle, sockets, deadline.signal);
    using connection = setup.trialClient.connect(addressOf(sockets));
    const { restartStatus } = setup;
    const tried: CheckedCandidate = { connection, handle, scratch, previous, version: envelope.version, restartStatus };
    for (const { name, run } of TRIAL_CHECKS) {
      begin(name);
      await run(tried, deadline.signal);
    }
  } catch (error) {
    if (o.signal.aborted) {
      throw abortError(o.signal);
    }
    throw await trialError(error, { check, version: envelope.version, handle });
  }
}

/**
 * Puts into the scratch root what the candidate finds there: a version to go back to, and itself with today's settings.
 *
 * @returns the version to go back to
 */
async function furnish(
  scratch: ScratchRoot,
  setup: SelfUpdateSetup,
  { programFile, settings, envelope }: WorkspaceRecord,
  sockets: ChildSockets,
): Promise<string> {
  const script = startScript({ healthyWithinMs: setup.trialTimeoutMs });
  const previous = await scratch.manager.stage({ binary: programFile, script, settings: {}, envelope });
  await scratch.manager.markHealthy(previous.version);
  const trial = { root: scratch.root, listen: [addressOf(sockets)], currentLink: scratch.currentLink };
  const tried = await scratch.manager.stage({
    binary: programFile,
    script,
    settings: { ...settings, trial },
    envelope,
    previous: previous.version,
  });
  await scratch.manager.switchTo(scratch.currentLink, tried.version);
  return previous.version;
}

async function spawn(
  ctx: Context,
  setup: SelfUpdateSetup,
  scratch: ScratchRoot,
  launchId: string,
): Promise<ParentHandle> {
  return await ParentHandle.spawn(
    {
      file: scratch.currentLink,
      args: [],
      cwd: scratch.dir,
      env: setup.environment,
      stdoutPath: `${scratch.dir}/stdout`,
      stderrPath: `${scratch.dir}/stderr`,
    },
    { protocol: "handshake", containment: ctx.containment, launchId },
  );
}

/** Opens the gate and waits until the candidate has said where it serves, and that it does. */
async function callBack(ctx: Context, handle: ParentHandle, sockets: ChildSockets, signal: AbortSignal): Promise<void> {
  const callbackId = newId();
  await using callback = await ctx.callbacks.listen({
    socketPath: sockets.callback,
    callbackId,
    keys: [NODE_ADDRESS],
  });
  await handle.release({
    values: { CALLBACK_ADDRESS: callback.address, CALLBACK_ID: callbackId, TRIAL: "1" },
    secret: "",
  });
  const over = new AbortController();
  try {
    const exited = handle.exited.then((exit) => {
      throw new NodeError("CHILD_EXITED", `it ${describeExit(exit)}`);
    });
    exited.catch(() => {});
    const address = await Promise.race([callback.value(NODE_ADDRESS, AbortSignal.any([signal, over.signal])), exited]);
    if (address !== addressOf(sockets)) {
      throw new NodeError(
        "CHILD_PROTOCOL_ERROR",
        `it named ${JSON.stringify(address)}, and was told to serve at ${addressOf(sockets)}`,
      );
    }
  } finally {
    over.abort();
  }
  await handle.waitForReady({ kind: "handshake", timeoutMs: 24 * 60 * 60 * 1000 }, { signal, clock: ctx.clock });
}

function addressOf(sockets: ChildSockets): string {
  return `unix:${sockets.appCycle}`;
}

async function trialError(
  error: unknown,
  { check, version, handle }: { check: string; version: string; handle: ParentHandle | undefined },
): Promise<unknown> {
  if (!(error instanceof NodeError)) {
    return error;
  }
  const lastLines = (await handle?.lastLines()) ?? "";
  return new NodeError("TRIAL_FAILED", `version ${version} failed its trial (${check}): ${error.message}`, {
    metadata: { check, version, ...(lastLines ? { lastLines } : {}) },
    cause: error,
  });
}
