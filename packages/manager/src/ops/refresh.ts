import {
  describeExit,
  formatName,
  hasReason,
  type InstallationName,
  type InstanceName,
  isErrno,
  isSameEnvelope,
  NodeError,
} from "@nodemanager/core";
import { isAlive } from "@nodemanager/exec";
import type { InstanceRecord } from "@nodemanager/layout";
import { parseOrigin } from "@nodemanager/repository";
import type { TaskContext } from "../batch.ts";
import type { Context } from "../context.ts";
import type { Outcome } from "../operation.ts";
import { unseenEnd } from "./end.ts";
import { recordExit } from "./exited.ts";
import { settledRecord } from "./legality.ts";
import { suspend } from "./suspend.ts";

/**
 * Reads an instance anew and repairs what drifted: one whose process died unseen, or after a suspend that failed, becomes
 * suspended.
 *
 * @throws NodeError `INSTANCE_NOT_FOUND`, `STORE_CORRUPT`
 */
export async function refreshInstance(ctx: Context, name: InstanceName, o: TaskContext): Promise<Outcome> {
  const object = formatName(name);
  const record = await settledRecord(ctx, name, o.signal);
  if (!("launch" in record) || !record.launch || isAlive(record.launch.process)) {
    return { object, note: record.state };
  }
  if (record.state === "running") {
    const live = ctx.supervisor.get(object, record.launch.attempt) ?? unseenEnd(record.launch);
    await recordExit(ctx, name, live);
    return { object, note: `repaired: its process ${describeExit(await live.exited)}; it is suspended now` };
  }
  return { object, note: await finishSuspending(ctx, record, o) };
}

async function finishSuspending(ctx: Context, record: InstanceRecord, o: TaskContext): Promise<string> {
  if (record.state !== "suspending") {
    return record.state;
  }
  try {
    await suspend(ctx, record.name, o);
    return "repaired: a suspend that had failed is finished";
  } catch (error) {
    if (hasReason(error, "OPERATION_IN_PROGRESS", "INSTANCE_NOT_RUNNING")) {
      return record.state;
    }
    throw error;
  }
}

/**
 * Reads an installation anew and asks its origin whether it offers another version.
 *
 * @throws NodeError `INSTALLATION_NOT_FOUND`, `STORE_CORRUPT`, `CANCELLED`
 */
export async function refreshInstallation(ctx: Context, name: InstallationName, o: TaskContext): Promise<Outcome> {
  const object = formatName(name);
  const record = await ctx.root.installations.read(name);
  if (record.state === "uninstalling") {
    return { object, note: "uninstalling" };
  }
  const { version } = record.envelope;
  try {
    const origin = parseOrigin(record.origin);
    await using repository = await ctx.openRepository(origin.repository);
    const { envelope } = await repository.applications.match(origin.application, {
      profiles: await ctx.node.profiles(),
      signal: o.signal,
    });
    if (envelope.title !== name.title) {
      const offered = JSON.stringify(envelope.title);
      return { object, note: `${version}; the origin offers ${offered}, which is another application` };
    }
    if (isSameEnvelope(envelope, record.envelope)) {
      return { object, note: `${version} is up to date` };
    }
    // An update stays with the version that the origin names, so it takes another command to get what is available.
    const pinned = origin.version === undefined ? "" : " and pinned";
    return { object, note: `${envelope.version} is available, ${version} is installed${pinned}` };
  } catch (error) {
    if (o.signal.aborted || !(error instanceof NodeError || isErrno(error))) {
      throw error;
    }
    return { object, note: `${version}; the origin cannot be asked: ${error.message}` };
  }
}
