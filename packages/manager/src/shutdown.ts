import { formatName } from "@nodemanager/core";
import type { Activities } from "./activities.ts";
import { runBatch, type Task, type TaskContext } from "./batch.ts";
import type { Context } from "./context.ts";
import { EventQueue } from "./event-queue.ts";
import { installations } from "./found.ts";
import type { EndOptions, OperationEvent, Outcome } from "./operation.ts";
import { stop } from "./ops/stop.ts";
import { suspend } from "./ops/suspend.ts";

/**
 * Ends the manager: lets nothing begin, waits until what is under way has come to its end, does with the instances what
 * the policy says, and gives the root back. Goes on to the end when nobody asks for its events any more.
 *
 * @returns what happens to the instances, and the end of it all, which is never rejected
 * @throws NodeError `SHUTTING_DOWN` when it is under way already
 */
export function shutDown(
  ctx: Context,
  activities: Activities,
  o: EndOptions,
): { readonly events: AsyncIterable<OperationEvent>; readonly ended: Promise<void> } {
  activities.close();
  const events = new EventQueue<OperationEvent>((event) => (event.kind === "progress" ? event.name : undefined));
  const ended = end(ctx, activities, o, events).then(
    () => events.end(),
    (error) => {
      ctx.logger.error("the manager did not end in order", { error });
      events.fail(error);
    },
  );
  return { events, ended };
}

async function end(
  ctx: Context,
  activities: Activities,
  o: EndOptions,
  events: EventQueue<OperationEvent>,
): Promise<void> {
  try {
    // Launches have been told; ends go on to theirs.
    await activities.settled();
    await ctx.supervisor.settled();
    if (ctx.shutdownPolicy === "suspend") {
      const { signal } = new AbortController();
      const tasks = await endsOfAll(ctx, o);
      for await (const event of runBatch(tasks, {
        single: false,
        parallel: tasks.length,
        signal,
        interrupt: signal,
      })) {
        events.push(event);
      }
      await ctx.supervisor.settled();
    }
  } finally {
    ctx.supervisor.detachAll();
    ctx.hub.close();
    await ctx.root[Symbol.asyncDispose]();
  }
}

/** Every instance that has, or may have, a process: also one that a start-up had not got to. */
async function endsOfAll(ctx: Context, { deadlineMs }: EndOptions): Promise<Task[]> {
  const tasks: Task[] = [];
  for await (const { name } of installations(ctx.root)) {
    for await (const record of name ? ctx.root.instances.list(name) : []) {
      if (record.kind === "broken" || record.state === "suspended" || record.state === "stopped") {
        continue;
      }
      const end = record.state === "stopping" ? stop : suspend;
      const run = (task: TaskContext): Promise<Outcome> => end(ctx, record.name, { ...task, deadlineMs });
      tasks.push({ name: formatName(record.name), run });
    }
  }
  return tasks;
}
