import { join } from "node:path";
import {
  abortable,
  deadlineSignal,
  describeExit,
  type Envelope,
  formatName,
  type InstanceName,
  NodeError,
  newId,
} from "@nodemanager/core";
import { lastLines, makeLifeline, ParentHandle, protocolFor, terminate } from "@nodemanager/exec";
import type { InstanceRecord } from "@nodemanager/layout";
import type { TaskContext } from "../batch.ts";
import type { Context } from "../context.ts";
import { logFile } from "../log-files.ts";
import type { Callback } from "../ports.ts";
import { instanceEnvironment } from "./environment.ts";

/** The key under which a child names its app cycle service. */
const APP_CYCLE_ADDRESS = "APP_CYCLE_ADDRESS";

/** An application that never became ready gets this long to end in order. */
const ABANDON_GRACE_MS = 2000;

/** Runs an instance's pinned version in its workspace and returns when it is ready. */
export interface LaunchOptions extends TaskContext {
  readonly requestId?: string | undefined;
}

/**
 * Takes a suspended instance to running.
 *
 * 1. the process is started and held at its gate, so none of the application's own code runs yet
 * 2. its identity is claimed on disk: from here on every later manager knows the process
 * 3. the gate opens
 * 4. it becomes ready, which is recorded
 *
 * A crash before 2 leaves a process that reads end of file at its gate and exits; after 2, one that the next manager
 * finds. When it fails, nothing of the process is left and the instance is suspended with the reason.
 *
 * @throws NodeError `INSTANCE_NOT_FOUND`, `INSTANCE_RUNNING`, `OPERATION_IN_PROGRESS`, `INSTALLATION_UNINSTALLED`,
 *   `SPAWN_FAILED`, `CHILD_EXITED`, `CHILD_REPORTED_FAILURE`, `CHILD_NOT_READY`, `CHILD_PROTOCOL_ERROR`, `CANCELLED`
 */
export async function launch(ctx: Context, name: InstanceName, o: LaunchOptions): Promise<void> {
  const key = formatName(name);
  using lock = ctx.launching.tryAcquire(key);
  if (!lock) {
    throw new NodeError("OPERATION_IN_PROGRESS", `instance ${key} is being started already`);
  }
  o.report({ phase: "starting", done: 0, goal: 0, unit: "" });
  const record = await suspendedRecord(ctx, name);
  const { envelope, binPath } = await ctx.root.instances.version(record);
  const attempt = newId();
  const handle = await spawn(ctx, record, envelope, binPath, attempt);
  try {
    o.signal.throwIfAborted();
    await ctx.root.instances.claimLaunch(name, {
      attempt,
      process: handle.identity,
      startedAt: ctx.clock.now(),
      lifeline: ctx.shutdownPolicy === "leave",
      ...(handle.cgroup === undefined ? {} : { cgroup: handle.cgroup }),
      ...(o.requestId === undefined ? {} : { requestId: o.requestId }),
    });
  } catch (error) {
    await handle[Symbol.asyncDispose]();
    throw error;
  }
  ctx.supervisor.add(key, { attempt, target: handle, exited: handle.exited, detach: () => handle.detach() });
  ctx.hub.publish(key);
  try {
    const appCycleAddress = await becomeReady(ctx, name, envelope, handle, o.signal);
    await ctx.root.instances.markReady(name, { attempt, ...(appCycleAddress ? { appCycleAddress } : {}) });
  } catch (error) {
    throw await abandon(ctx, record, envelope, attempt, handle, error);
  }
  ctx.supervisor.watch(key, attempt);
  ctx.hub.publish(key);
}

async function suspendedRecord(ctx: Context, name: InstanceName): Promise<InstanceRecord> {
  const record = await ctx.root.instances.read(name);
  const key = formatName(name);
  switch (record.state) {
    case "suspended":
      return record;
    case "starting":
    case "running":
      throw new NodeError("INSTANCE_RUNNING", `instance ${key} is ${record.state} already`);
    case "suspending":
    case "stopping":
      throw new NodeError("OPERATION_IN_PROGRESS", `instance ${key} is ${record.state}`);
    case "stopped":
      throw new NodeError("INSTANCE_NOT_FOUND", `instance ${key} was stopped for good`);
  }
}

async function spawn(
  ctx: Context,
  record: InstanceRecord,
  envelope: Envelope,
  binPath: string,
  attempt: string,
): Promise<ParentHandle> {
  const installation = await ctx.root.installations.read({
    kind: "installation",
    title: record.name.title,
    installation: record.name.installation,
  });
  const lifelinePath = join(record.dir, "lifeline");
  if (ctx.shutdownPolicy === "leave") {
    await makeLifeline(lifelinePath);
  }
  return await ParentHandle.spawn(
    {
      file: binPath,
      args: [...envelope.args, ...installation.args],
      cwd: record.rootDir,
      env: instanceEnvironment(record, envelope, installation),
      stdoutPath: logFile(record.logsDir, "stdout"),
      stderrPath: logFile(record.logsDir, "stderr"),
    },
    {
      protocol: protocolFor(envelope.readiness),
      containment: ctx.containment,
      launchId: attempt,
      ...(ctx.shutdownPolicy === "leave" ? { lifelinePath } : {}),
    },
  );
}

/** Opens the gate and waits. @returns the app cycle address, for an application that has one */
async function becomeReady(
  ctx: Context,
  name: InstanceName,
  envelope: Envelope,
  handle: ParentHandle,
  signal: AbortSignal,
): Promise<string | undefined> {
  const values = { INSTANCE_NAME: formatName(name) };
  if (envelope.readiness.kind !== "appcycle") {
    await handle.release({ values, secret: "" });
    await handle.waitForReady(envelope.readiness, { signal, clock: ctx.clock });
    return undefined;
  }
  // One deadline for the handshake and for the address that follows it.
  const { timeoutMs } = envelope.readiness;
  using deadline = deadlineSignal(
    timeoutMs,
    () => new NodeError("CHILD_NOT_READY", `it did not name its app cycle service within ${timeoutMs} ms`),
    signal,
  );
  const callbackId = newId();
  await using callback = await ctx.callbacks.listen({
    socketPath: join(ctx.root.runDir, `cb-${callbackId.slice(0, 12)}`),
    callbackId,
    keys: [APP_CYCLE_ADDRESS],
  });
  await handle.release({
    values: {
      ...values,
      CALLBACK_ADDRESS: callback.address,
      CALLBACK_ID: callbackId,
      APP_CYCLE_SOCKET: join(ctx.root.runDir, `ac-${callbackId.slice(0, 12)}`),
    },
    secret: "",
  });
  await handle.waitForReady(envelope.readiness, { signal: deadline.signal, clock: ctx.clock });
  return await addressOrExit(callback, handle, deadline.signal);
}

async function addressOrExit(callback: Callback, handle: ParentHandle, signal: AbortSignal): Promise<string> {
  const exited = handle.exited.then((exit) => {
    throw new NodeError("CHILD_EXITED", `it ${describeExit(exit)} before it named its app cycle service`);
  });
  return await Promise.race([callback.value(APP_CYCLE_ADDRESS, signal), abortable(exited, signal)]);
}

/** Ends a process that did not become ready. @returns the error for the caller */
async function abandon(
  ctx: Context,
  record: InstanceRecord,
  envelope: Envelope,
  attempt: string,
  handle: ParentHandle,
  thrown: unknown,
): Promise<unknown> {
  const key = formatName(record.name);
  await terminate(handle, {
    signal: envelope.stop.signal,
    graceMs: Math.min(envelope.stop.graceMs, ABANDON_GRACE_MS),
    clock: ctx.clock,
  });
  ctx.supervisor.remove(key, attempt);
  const exit = await handle.exited;
  const at = ctx.clock.now();
  const text = await lastLines(logFile(record.logsDir, "stdout"), logFile(record.logsDir, "stderr"));
  const why = thrown instanceof Error ? thrown.message : "it failed to start";
  const wanted = ctx.closing.aborted;
  const claimed = await ctx.root.instances
    .abandonLaunch(record.name, attempt, {
      lastExit: { exit, at, lastLines: text },
      // The manager's own shutdown is no reason not to run at the next start-up.
      ...(wanted ? {} : { suspension: { by: "manager", why, at } }),
    })
    .then(
      () => false,
      () => true,
    );
  ctx.hub.publish(key);
  if (claimed && !(thrown instanceof NodeError && thrown.reason === "OPERATION_IN_PROGRESS")) {
    ctx.logger.warn("a launch that failed could not be recorded", { instance: key, error: thrown });
  }
  if (thrown instanceof NodeError) {
    return new NodeError(thrown.reason, `instance ${key} did not start: ${thrown.message}`, {
      metadata: { ...thrown.metadata, instance: key, ...(text ? { lastLines: text } : {}) },
      cause: thrown,
    });
  }
  return thrown;
}
