import {
  describeExit,
  formatName,
  type InstallationName,
  type InstanceName,
  isErrno,
  NodeError,
} from "@nodemanager/core";
import { isAlive } from "@nodemanager/exec";
import { parseOrigin } from "@nodemanager/repository";
import type { TaskContext } from "../batch.ts";
import type { Context } from "../context.ts";
import type { Outcome } from "../operation.ts";
import { targetOf } from "./end.ts";
import { recordExit } from "./exited.ts";

/**
 * Reads an instance anew and repairs what drifted: one whose process died unseen becomes suspended.
 *
 * @throws NodeError `INSTANCE_NOT_FOUND`, `STORE_CORRUPT`
 */
export async function refreshInstance(ctx: Context, name: InstanceName): Promise<Outcome> {
  const object = formatName(name);
  const record = await ctx.root.instances.read(name);
  if (record.state !== "running" || isAlive(record.launch.process)) {
    return { object, note: record.state };
  }
  const known = ctx.supervisor.get(object, record.launch.attempt);
  const live = known ?? {
    attempt: record.launch.attempt,
    target: targetOf(record.launch),
    exited: Promise.resolve({ kind: "unseen" as const }),
    detach() {},
  };
  await recordExit(ctx, name, live);
  ctx.supervisor.remove(object, record.launch.attempt);
  return { object, note: `repaired: its process ${describeExit(await live.exited)}; it is suspended now` };
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
  const { version, binary } = record.envelope;
  try {
    const origin = parseOrigin(record.origin);
    await using repository = await ctx.openRepository(origin.repository);
    const { envelope } = await repository.applications.match(origin.application, {
      profiles: await ctx.node.profiles(),
      signal: o.signal,
    });
    const same = envelope.version === version && envelope.binary.sha256 === binary.sha256;
    return {
      object,
      note: same ? `${version} is up to date` : `${envelope.version} is available, ${version} is installed`,
    };
  } catch (error) {
    if (o.signal.aborted || !(error instanceof NodeError || isErrno(error))) {
      throw error;
    }
    return { object, note: `${version}; the origin cannot be asked: ${error.message}` };
  }
}
