import { type InstallationName, type InstanceName, parseName } from "@nodemanager/core";
import type { TaskContext } from "./batch.ts";
import type { Context } from "./context.ts";
import type { MoveOptions, Outcome } from "./operation.ts";
import { type Job, jobFor } from "./operations.ts";
import type { MoveContext } from "./ops/legality-of-moves.ts";
import { revertInstance, updateInstance } from "./ops/move-instance.ts";
import { revertInstallation } from "./ops/revert-installation.ts";
import { type InstallationUpdate, updateInstallation } from "./ops/update-installation.ts";
import { installationsIn } from "./scope.ts";

/** How many installations are moved at a time. */
const PARALLEL = 16;

/** What an update works on. */
export async function updateJob(ctx: Context, name: string, options: InstallationUpdate): Promise<Job> {
  return await moveJob(ctx, name, {
    ofInstallation: (installation, o) => updateInstallation(ctx, installation, options, o),
    ofInstance: (instance, o) => updateInstance(ctx, instance, options, o),
  });
}

/** What a revert works on. */
export async function revertJob(ctx: Context, name: string, options: MoveOptions): Promise<Job> {
  return await moveJob(ctx, name, {
    ofInstallation: (installation, o) => revertInstallation(ctx, installation, options, o),
    ofInstance: (instance, o) => revertInstance(ctx, instance, options, o),
  });
}

interface Moves {
  readonly ofInstallation: (name: InstallationName, o: MoveContext) => Promise<Outcome>;
  readonly ofInstance: (name: InstanceName, o: TaskContext) => Promise<Outcome>;
}

/** A partial name means installations: their instances are not moved with them. */
async function moveJob(ctx: Context, text: string, { ofInstallation, ofInstance }: Moves): Promise<Job> {
  const name = parseName(text);
  if (name.kind === "instance") {
    return jobFor({ single: true, names: [name] }, 1, ofInstance);
  }
  const scope = await installationsIn(ctx.root, text, (record) => record.state === "installed");
  const { single } = scope;
  return jobFor(scope, PARALLEL, (installation, o) => ofInstallation(installation, { ...o, single }));
}
