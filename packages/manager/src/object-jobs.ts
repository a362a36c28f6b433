import type { InstanceName } from "@nodemanager/core";
import type { TaskContext } from "./batch.ts";
import type { Context } from "./context.ts";
import { type InstanceRequest, nextInstanceState } from "./machines/instance.ts";
import type { Outcome } from "./operation.ts";
import { type Job, jobFor } from "./operations.ts";
import { refreshInstallation, refreshInstance } from "./ops/refresh.ts";
import { start } from "./ops/start.ts";
import { installationsIn, instancesIn } from "./scope.ts";

/** How many objects of a batch are brought up at a time. */
const PARALLEL = 16;

/** What a start works on. */
export async function startJob(ctx: Context, name: string, requestId: string | undefined): Promise<Job> {
  const scope = await installationsIn(ctx.root, name, (record) => record.state === "installed");
  return jobFor(scope, PARALLEL, (installation, o) => start(ctx, installation, requestId, o));
}

/** What a refresh works on: installations, and the instances below them. */
export async function refreshJob(ctx: Context, name: string): Promise<Job> {
  const scope = await instancesIn(ctx.root, name, () => true);
  const instances = jobFor(scope, PARALLEL, (instance, o) => refreshInstance(ctx, instance, o));
  if (scope.single) {
    return instances;
  }
  const found = await installationsIn(ctx.root, name);
  const installations = jobFor(found, PARALLEL, (installation, o) => refreshInstallation(ctx, installation, o));
  return { ...instances, tasks: [...installations.tasks, ...instances.tasks] };
}

export interface InstanceWork {
  /** One of these must be possible in the state that an instance is in, or a partial name passes it over. */
  readonly events: readonly (InstanceRequest | "ended")[];
  /** Whether it brings instances up, so that not all are worked on at once. */
  readonly bringsUp: boolean;
  readonly work: (name: InstanceName, o: TaskContext) => Promise<Outcome>;
}

/** What an operation on instances works on. */
export async function instancesJob(ctx: Context, name: string, o: InstanceWork): Promise<Job> {
  const scope = await instancesIn(ctx.root, name, ({ state }) =>
    o.events.some((event) => nextInstanceState(state, event)),
  );
  // What is ended is ended at once, so that the deadline is the same for all.
  return jobFor(scope, o.bringsUp ? PARALLEL : scope.names.length, o.work);
}
