import { NodeError } from "@nodemanager/core";
import type { BuildOptions } from "@nodemanager/layout";
import { inspectBinary, isRunnable } from "@nodemanager/profile";
import type { TaskContext } from "../batch.ts";
import type { Context } from "../context.ts";
import { reportInSteps } from "../progress-steps.ts";

/** How a version is built on this node: within its limits, and only when its program runs here. */
export function buildOptions(ctx: Context, { signal, report }: TaskContext): BuildOptions {
  return {
    maxPackageBytes: ctx.maxPackageBytes,
    signal,
    onUnpacking: reportInSteps(report, "unpacking"),
    checkProgram: (head) => checkRunsHere(ctx, head),
  };
}

/**
 * Checks what a program says of itself; a publisher's label may be wrong.
 *
 * @throws NodeError `BINARY_INCOMPATIBLE`
 */
export async function checkRunsHere(ctx: Context, head: Uint8Array): Promise<void> {
  const binary = inspectBinary(head);
  if (binary.kind === "script") {
    return;
  }
  if (binary.kind === "unknown") {
    throw new NodeError("BINARY_INCOMPATIBLE", "the program is neither a program nor a script that begins with #!");
  }
  const { runnable, reason } = isRunnable(await ctx.node.specification(), binary.specification);
  if (!runnable) {
    throw new NodeError("BINARY_INCOMPATIBLE", `the program does not run on this node: ${reason}`);
  }
}
