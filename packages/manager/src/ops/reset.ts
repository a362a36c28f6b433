import { formatName, hasReason, type InstallationName } from "@nodemanager/core";
import type { Activities } from "../activities.ts";
import { runBatch, type Task, type TaskContext } from "../batch.ts";
import type { Context } from "../context.ts";
import { installations } from "../found.ts";
import type { EndOptions, OperationEvent, Outcome } from "../operation.ts";
import { stopInstances, uninstall } from "./uninstall.ts";

/**
 * Ends every instance, uninstalls everything and brings the root back to how it was when it was new. All instances are
 * ended at the same time, each with the whole deadline. What else is under way is interrupted first, and nothing begins
 * meanwhile. Installations that are too broken to be uninstalled go as well.
 *
 * When something cannot be ended, that is an `error`, and nothing is removed; the reset can be made again, and on a root
 * that is as new it does nothing.
 *
 * @throws NodeError `SHUTTING_DOWN`; `OPERATION_IN_PROGRESS` during another reset; `DISK_FULL`, `READ_ONLY` and the like
 */
export async function* reset(ctx: Context, activities: Activities, o: EndOptions): AsyncGenerator<OperationEvent> {
  using alone = await activities.takeOver();
  const left = new AbortController();
  const signal = AbortSignal.any([alone.interrupt, left.signal, ...(o.signal ? [o.signal] : [])]);
  const tasks: Task[] = [];
  for await (const { name } of installations(ctx.root)) {
    if (name) {
      const run = (task: TaskContext) => activities.track(clear(ctx, name, { ...o, ...task }));
      tasks.push({ name: formatName(name), run });
    }
  }
  let failed = false;
  try {
    const { interrupt } = alone;
    for await (const event of runBatch(tasks, { single: false, parallel: tasks.length, signal, interrupt })) {
      failed ||= event.kind === "error";
      yield event;
    }
    if (!failed) {
      signal.throwIfAborted();
      await activities.track(ctx.root.reset());
      ctx.starts.forget();
    }
  } finally {
    left.abort();
  }
}

async function clear(ctx: Context, name: InstallationName, o: EndOptions & TaskContext): Promise<Outcome> {
  const { deadlineMs, signal, interrupt, report } = o;
  const end = { deadlineMs, signal, interrupt, report };
  try {
    return await uninstall(ctx, name, end);
  } catch (error) {
    if (!hasReason(error, "STORE_CORRUPT")) {
      throw error;
    }
    await stopInstances(ctx, name, end);
    return { object: formatName(name), note: "was broken" };
  }
}
