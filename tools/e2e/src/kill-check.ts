import { readdirSync } from "node:fs";
import { join } from "node:path";
import { ObjectState } from "@nodemanager/proto/v1";
import { type Counted, census } from "./census.ts";
import { stateName } from "./device.ts";
import type { KillWorld } from "./kill-world.ts";
import { leftoversIn } from "./tree.ts";

/** How long a process that was held back at its gate may take to find that nobody opens it. */
const SETTLE_MS = 3000;
const LOOK_MS = 20;

const SETTLED: readonly ObjectState[] = [
  ObjectState.UNSPECIFIED,
  ObjectState.INSTALLED,
  ObjectState.SUSPENDED,
  ObjectState.RUNNING,
];

/**
 * What is wrong with a root after a manager has recovered it; nothing, whatever happened to the manager before.
 *
 * - every object is whole, and in a state in which it can stay
 * - what is suspended is so for a reason
 * - each process belongs to an instance that is known to run, and each of those has its process
 * - nothing that was being built or removed is left, and no socket of a launch
 */
export async function violationsIn(world: KillWorld): Promise<string[]> {
  const violations: string[] = [];
  for (const { name, state, error, object } of await world.objects()) {
    if (error !== "" || !SETTLED.includes(state)) {
      violations.push(`${name} is ${stateName(state)}${error && `: ${error}`}`);
    }
    if (state === ObjectState.SUSPENDED && object?.$case === "instance" && !object.value.suspension) {
      violations.push(`${name} is wanted, and does not run`);
    }
  }
  violations.push(...leftoversIn(world.root).map((line) => `left over: ${line}`));
  violations.push(...readdirSync(join(world.root, "run")).map((name) => `left over in run: ${name}`));
  if (readdirSync(world.root).includes("quarantine")) {
    violations.push("something was put into quarantine");
  }
  violations.push(...(await processViolations(world)));
  return violations;
}

async function processViolations(world: KillWorld): Promise<string[]> {
  const until = performance.now() + SETTLE_MS;
  for (;;) {
    const violations = await unknownProcesses(world);
    if (violations.length === 0 || performance.now() > until) {
      return violations;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

async function unknownProcesses(world: KillWorld): Promise<string[]> {
  const running = new Map<string, number>();
  for (const { name, object } of await world.instances()) {
    if (object?.$case === "instance" && object.value.pid !== undefined) {
      running.set(name, object.value.pid);
    }
  }
  const processes = census(world.root);
  const launches = new Map(processes.map(({ pid, launchId }) => [pid, launchId]));
  const isKnown = ({ instance, launchId }: Counted) => launches.get(running.get(instance) ?? -1) === launchId;
  return [
    ...processes.filter((process) => !isKnown(process)).map((process) => `unknown process ${JSON.stringify(process)}`),
    ...[...running]
      .filter(([, pid]) => !launches.has(pid))
      .map(([name, pid]) => `${name} has the process ${pid}, which is not there`),
  ];
}
