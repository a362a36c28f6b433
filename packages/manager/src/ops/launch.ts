import {
  describeExit,
  type Envelope,
  formatName,
  hasReason,
  type InstanceName,
  NodeError,
  newId,
  throwIfAborted,
} from "@nodemanager/core";
import { makeLifeline, ParentHandle, protocolFor, terminate } from "@nodemanager/exec";
import type { InstallationRecord, InstanceRecord, LastExit, Suspension, VersionRecord } from "@nodemanager/layout";
import type { TaskContext } from "../batch.ts";
import type { Context } from "../context.ts";
import { lifelineFile, logFile } from "../instance-files.ts";
import type { Live } from "../supervisor.ts";
import { becomeReady, type Launched } from "./become-ready.ts";
import { lastExitOf } from "./end.ts";
import { instanceEnvironment } from "./environment.ts";
import { requireLegal, settledRecord } from "./legality.ts";

/** An application that never became ready gets this long to end in order. */
const ABANDON_GRACE_MS = 2000;

export interface LaunchOptions extends Pick<TaskContext, "signal" | "report"> {
  readonly requestId?: string | undefined;
}

/**
 * Runs an instance's pinned version in its workspace: takes it from suspended to running.
 *
 * 1. the process is started and held at its gate, so none of the application's own code runs yet
 * 2. its identity is claimed on disk: from here on every later manager knows the process
 * 3. the gate opens
 * 4. it becomes ready, which is recorded
 *
 * A crash before 2 leaves a process that reads end of file at its gate and exits; after 2, one that the next manager
 * finds. When it fails, nothing of the process is left and the instance is suspended with the reason; when the signal
 * aborts, it is suspended as before.
 *
 * @throws NodeError `INSTANCE_NOT_FOUND`, `INSTANCE_RUNNING`, `INSTALLATION_UNINSTALLED`, `SPAWN_FAILED`, `CHILD_EXITED`,
 *   `CHILD_REPORTED_FAILURE`, `CHILD_NOT_READY`, `CHILD_PROTOCOL_ERROR`, `CANCELLED`; `OPERATION_IN_PROGRESS` when
 *   somebody else starts or ends it, also when they claim its end while it starts
 */
export async function launch(ctx: Context, name: InstanceName, o: LaunchOptions): Promise<void> {
  using _held = holdLaunch(ctx, name);
  const live = await launchHeld(ctx, name, o);
  ctx.supervisor.watch(formatName(name), live.attempt);
}

/**
 * The right to launch an instance, within this process: one holder at a time, the others are told at once.
 *
 * @throws NodeError `OPERATION_IN_PROGRESS`
 */
export function holdLaunch(ctx: Context, name: InstanceName): Disposable {
  const lock = ctx.launching.tryAcquire(formatName(name));
  if (!lock) {
    throw new NodeError("OPERATION_IN_PROGRESS", `instance ${formatName(name)} is being started already`);
  }
  return lock;
}

/**
 * As {@link launch}, for who holds the right to do it. Until the process that is returned is watched, its end is the
 * caller's to see to.
 */
export async function launchHeld(ctx: Context, name: InstanceName, o: LaunchOptions): Promise<Live> {
  const key = formatName(name);
  o.report({ phase: "starting", done: 0, goal: 0, unit: "" });
  const record = await settledRecord(ctx, name, o.signal);
  requireLegal(record, "launch");
  const launched = await prepare(ctx, record, o.signal).catch(async (error: unknown) => {
    await rememberRefusal(ctx, record, error, o.signal);
    throw error;
  });
  const { handle, envelope } = launched;
  const attempt = handle.launchId;
  try {
    throwIfAborted(o.signal);
    await ctx.root.instances.claimLaunch(name, {
      attempt,
      process: handle.identity,
      startedAt: ctx.clock.now(),
      lifeline: ctx.shutdownPolicy === "leave",
      cgroup: handle.cgroup,
      requestId: o.requestId,
    });
  } catch (error) {
    await handle[Symbol.asyncDispose]();
    throw error;
  }
  const taken = new AbortController();
  const live: Live = {
    attempt,
    target: handle,
    exited: handle.exited,
    lastLines: () => handle.lastLines(),
    taken: () => taken.abort(takenError(key)),
    detach: () => handle.detach(),
  };
  ctx.supervisor.add(key, live);
  ctx.hub.publish(key);
  try {
    const signal = AbortSignal.any([taken.signal, o.signal]);
    const appCycleAddress = await becomeReady(ctx, name, launched, signal);
    await ctx.root.instances.markReady(name, { attempt, appCycleAddress });
  } catch (error) {
    const failure = { ...o, error, taken: taken.signal };
    throw await ctx.supervisor.settle(key, () => abandon(ctx, record, envelope, handle, failure));
  }
  ctx.hub.publish(key);
  return live;
}

/** Reads what is to be run, and starts it gated. */
async function prepare(ctx: Context, record: InstanceRecord, signal: AbortSignal): Promise<Launched> {
  const { title, installation: id } = record.name;
  const [version, installation] = await Promise.all([
    ctx.root.instances.version(record),
    ctx.root.installations.read({ kind: "installation", title, installation: id }),
  ]);
  throwIfAborted(signal);
  const handle = await spawn(ctx, record, version, installation);
  return { handle, envelope: version.envelope, account: installation.account };
}

/** Without a process there was nothing to claim; why it does not run is to be seen all the same. */
async function rememberRefusal(
  ctx: Context,
  record: InstanceRecord,
  error: unknown,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted || hasReason(error, "INSTALLATION_UNINSTALLED", "INSTANCE_NOT_FOUND")) {
    return;
  }
  const why = error instanceof Error ? error.message : String(error);
  try {
    await ctx.root.instances.setSuspension(record.name, { by: "manager", why, at: ctx.clock.now() });
    ctx.hub.publish(formatName(record.name));
  } catch (failure) {
    ctx.logger.warn("why an instance does not start could not be recorded", {
      instance: formatName(record.name),
      error: failure,
    });
  }
}

async function spawn(
  ctx: Context,
  record: InstanceRecord,
  version: VersionRecord,
  installation: InstallationRecord,
): Promise<ParentHandle> {
  const { envelope, program, packagesDir } = version;
  if (packagesDir !== undefined) {
    await ctx.root.instances.linkPackages(record);
  }
  const lifelinePath = ctx.shutdownPolicy === "leave" ? lifelineFile(record) : undefined;
  if (lifelinePath !== undefined) {
    await makeLifeline(lifelinePath);
  }
  return await ParentHandle.spawn(
    {
      file: program,
      args: [...envelope.args, ...installation.args],
      cwd: record.rootDir,
      env: instanceEnvironment(record, version, installation),
      stdoutPath: logFile(record, "stdout"),
      stderrPath: logFile(record, "stderr"),
    },
    {
      protocol: protocolFor(envelope.readiness),
      containment: ctx.containment,
      launchId: newId(),
      credentials: installation.account,
      lifelinePath,
    },
  );
}

interface Failure extends LaunchOptions {
  readonly error: unknown;
  /** Aborted when somebody else ends the process. */
  readonly taken: AbortSignal;
}

/**
 * Ends a process that did not become ready, unless somebody else ends it already: whoever has claimed the end follows it
 * through.
 *
 * @returns the error for the caller
 * @throws NodeError `CHILD_NOT_STOPPED`, `DISK_FULL` and the like; the instance stays suspending then
 */
async function abandon(
  ctx: Context,
  record: InstanceRecord,
  envelope: Envelope,
  handle: ParentHandle,
  failure: Failure,
): Promise<unknown> {
  const key = formatName(record.name);
  const attempt = handle.launchId;
  try {
    // No longer than until somebody else ends it: a stop must not keep its victim's start waiting.
    using _held = await ctx.ending.acquire(key, failure.taken);
    await ctx.root.instances.claimSuspend(record.name, attempt);
    ctx.hub.publish(key);
    const live = ctx.supervisor.take(key, attempt);
    await terminate(handle, {
      signal: envelope.stop.signal,
      graceMs: Math.min(envelope.stop.graceMs, ABANDON_GRACE_MS),
      clock: ctx.clock,
    });
    const lastExit = await lastExitOf(ctx, record, attempt, live, await handle.exited);
    await ctx.root.instances.finishSuspend(record.name, { lastExit, suspension: reasonToRest(ctx, failure) });
    ctx.supervisor.remove(key, attempt);
    ctx.hub.publish(key);
    return startError(key, failure.error, lastExit);
  } catch (error) {
    if (hasReason(error, "OPERATION_IN_PROGRESS", "INSTANCE_NOT_RUNNING", "INSTANCE_NOT_FOUND")) {
      return takenError(key);
    }
    throw error;
  }
}

/** A failure is a reason not to try again at the next start-up; that nobody waits for it any more is none. */
function reasonToRest(ctx: Context, { error, signal, requestId }: Failure): Suspension | undefined {
  if (signal.aborted) {
    return undefined;
  }
  const why = error instanceof Error ? error.message : "it failed to start";
  return { by: "manager", why, at: ctx.clock.now(), requestId };
}

function startError(key: string, thrown: unknown, { exit, lastLines }: LastExit): unknown {
  if (!(thrown instanceof NodeError)) {
    return thrown;
  }
  return new NodeError(thrown.reason, `instance ${key} did not start: ${thrown.message}`, {
    metadata: { exit: describeExit(exit), ...thrown.metadata, instance: key, ...(lastLines ? { lastLines } : {}) },
    cause: thrown,
  });
}

/** The error for who waits for something of a process whose end somebody else has claimed. */
export function takenError(key: string): NodeError {
  return new NodeError("OPERATION_IN_PROGRESS", `instance ${key} was ended by somebody else while it started`);
}
