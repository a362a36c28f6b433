import { abortable, describeExit, formatName, type InstanceName, NodeError } from "@nodemanager/core";
import type { TaskContext } from "../batch.ts";
import type { Context } from "../context.ts";
import type { Live } from "../supervisor.ts";
import { settleExit } from "./exited.ts";
import { takenError } from "./launch.ts";

/**
 * Waits until a process that nobody watches has lived for so long. One that ends before is suspended, without a word
 * about why it should stay so: that is the caller's to decide.
 *
 * @throws NodeError `CHILD_EXITED` with the metadata `exit` and `lastLines`; `OPERATION_IN_PROGRESS` when somebody else
 *   ends it; the signal's error, and it runs on
 */
export async function soak(
  ctx: Context,
  name: InstanceName,
  live: Live,
  ms: number,
  o: Pick<TaskContext, "signal" | "report">,
): Promise<void> {
  const key = formatName(name);
  o.report({ phase: "soaking", done: 0, goal: 0, unit: "" });
  const ended = await endsWithin(ctx, live, ms, o.signal);
  if (!ctx.supervisor.isOpen(key, live)) {
    throw takenError(key);
  }
  if (!ended) {
    return;
  }
  const lastExit = await ctx.supervisor.settle(key, () => settleExit(ctx, name, live));
  if (!lastExit) {
    throw takenError(key);
  }
  const { exit, lastLines } = lastExit;
  throw new NodeError("CHILD_EXITED", `it became ready, and then it ${describeExit(exit)} within ${ms} ms`, {
    metadata: { exit: describeExit(exit), ...(lastLines ? { lastLines } : {}) },
  });
}

async function endsWithin(ctx: Context, live: Live, ms: number, signal: AbortSignal): Promise<boolean> {
  // Ends the waiting that lost.
  const over = new AbortController();
  const waiting = AbortSignal.any([signal, over.signal]);
  const lived = ctx.clock.sleep(ms, waiting).then(() => false);
  const exited = abortable(live.exited, waiting).then(() => true);
  try {
    return await Promise.race([exited, lived]);
  } finally {
    over.abort();
    void Promise.allSettled([lived, exited]);
  }
}
