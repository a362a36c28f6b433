import { type ExitStatus, formatName } from "@nodemanager/core";
import { adopt } from "@nodemanager/exec";
import type { BrokenRecord, InstanceRecord, Launch } from "@nodemanager/layout";
import type { Context } from "../context.ts";
import { lifelineFile } from "../instance-files.ts";
import { targetOf } from "../ops/end.ts";
import type { Live } from "../supervisor.ts";

/** Watches the process of an instance that an earlier manager started, as if it were our own. */
export function takeOver(ctx: Context, record: InstanceRecord & { readonly state: "running" }): void {
  const key = formatName(record.name);
  ctx.supervisor.add(key, adopted(ctx, record.launch, lifelineFile(record)));
  ctx.supervisor.watch(key, record.launch.attempt);
}

/** Keeps account of the process of an instance that cannot be read, so that it can be ended with its installation. */
export function keepBroken(ctx: Context, record: BrokenRecord, launch: Launch): void {
  ctx.supervisor.add(record.name, adopted(ctx, launch, undefined));
}

function adopted(ctx: Context, launch: Launch, lifeline: string | undefined): Live {
  const stopWatching = new AbortController();
  const { exited } = adopt(launch.process, {
    signal: stopWatching.signal,
    clock: ctx.clock,
    lifelinePath: launch.lifeline ? lifeline : undefined,
  });
  return {
    attempt: launch.attempt,
    target: targetOf(launch),
    // A watch that was given up never tells of an end.
    exited: exited.catch(() => new Promise<ExitStatus>(() => {})),
    detach: () => stopWatching.abort(),
  };
}
