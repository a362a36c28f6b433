import { type ExitStatus, formatName } from "@nodemanager/core";
import { adopt } from "@nodemanager/exec";
import type { InstanceRecord } from "@nodemanager/layout";
import type { Context } from "../context.ts";
import { lifelineFile } from "../instance-files.ts";
import { targetOf } from "../ops/end.ts";

/** Watches the process of an instance that an earlier manager started, as if it were our own. */
export function takeOver(ctx: Context, record: InstanceRecord & { readonly state: "running" }): void {
  const key = formatName(record.name);
  const { attempt, process, lifeline } = record.launch;
  const stopWatching = new AbortController();
  const adopted = adopt(process, {
    signal: stopWatching.signal,
    clock: ctx.clock,
    lifelinePath: lifeline ? lifelineFile(record) : undefined,
  });
  ctx.supervisor.add(key, {
    attempt,
    target: targetOf(record.launch),
    // A watch that was given up never tells of an end.
    exited: adopted.exited.catch(() => new Promise<ExitStatus>(() => {})),
    detach: () => stopWatching.abort(),
  });
  ctx.supervisor.watch(key, attempt);
}
