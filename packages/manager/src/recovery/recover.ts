import { formatName } from "@nodemanager/core";
import { isAlive, selfIdentity } from "@nodemanager/exec";
import type { InstanceRecord, Launch } from "@nodemanager/layout";
import { sweepChildSockets } from "../child-sockets.ts";
import type { Context } from "../context.ts";
import { installations } from "../found.ts";
import { uninstall } from "../ops/uninstall.ts";
import { carryOut } from "./carry-out.ts";
import { planInstance, type RecoveryAction } from "./plan.ts";
import { keepBroken, takeOver } from "./take-over.ts";

/** How many objects are recovered at a time. */
const PARALLEL = 8;

/** What a start-up found and does about it. */
export interface Recovery {
  /** For people, a line each: what was found, and what is done about it. */
  readonly report: readonly string[];
  /** Carries out what takes time; settles when every object has been dealt with, and never rejects. */
  finish(): Promise<void>;
}

/** What is to be done about one object, in the background. */
interface Todo {
  readonly name: string;
  run(): Promise<void>;
}

/**
 * Brings disk and process table together after whatever happened: processes that go on are taken over before this
 * returns, everything else is decided and left to `finish`. An object that cannot be recovered is reported and stops
 * nothing else. Killed at any point, the next start-up comes to the same end.
 *
 * @param interrupt - aborts when the manager needs `finish` to end; what was not dealt with by then is left as it is
 */
export async function recover(ctx: Context, interrupt: AbortSignal): Promise<Recovery> {
  const report: string[] = [];
  const todo: Todo[] = [];
  const launches: Launch[] = [];
  for await (const { name, record } of installations(ctx.root)) {
    if (record.kind === "broken") {
      report.push(`${record.name} is broken: ${record.error.message}`);
    }
    const isUninstalling = record.kind === "installation" && record.state === "uninstalling";
    if (name && isUninstalling) {
      report.push(`${formatName(name)} was being uninstalled`);
      const end = { signal: interrupt, interrupt, report: () => {} };
      todo.push({ name: formatName(name), run: async () => void (await uninstall(ctx, name, end)) });
    }
    // The instances of a broken installation may run, and are its own affair no more than those of a whole one.
    for await (const instance of name ? ctx.root.instances.list(name) : []) {
      if (instance.kind === "broken") {
        report.push(`${instance.name} is broken: ${instance.error.message}`);
        if (instance.launch && isAlive(instance.launch.process)) {
          // What it is to become cannot be known; ended it is with its installation, and not by the sweep.
          launches.push(instance.launch);
          keepBroken(ctx, instance, instance.launch);
          report.push(`${instance.name}: its process ${instance.launch.process.pid} goes on`);
        }
        continue;
      }
      if ("launch" in instance && instance.launch) {
        launches.push(instance.launch);
      }
      const action = isUninstalling ? "leave" : decide(ctx, instance);
      if (action === "leave") {
        continue;
      }
      report.push(`${formatName(instance.name)} was ${instance.state}: ${action}`);
      if (action === "adopt" && instance.state === "running") {
        takeOver(ctx, instance);
        if (instance.move?.trial) {
          // It came through the end of a manager and runs: it holds.
          const run = () => ctx.root.instances.moves.keep(instance.name);
          todo.push({ name: formatName(instance.name), run });
        }
      } else {
        const run = () => carryOut(ctx, instance, action, interrupt);
        todo.push({ name: formatName(instance.name), run });
      }
    }
  }
  return { report: [...report, ...(await sweep(ctx, launches))], finish: () => inParallel(ctx, todo, interrupt) };
}

function decide(ctx: Context, record: InstanceRecord): RecoveryAction {
  const process = "launch" in record ? record.launch?.process : undefined;
  return planInstance(record, {
    alive: process !== undefined && isAlive(process),
    sameBoot: process?.bootId === selfIdentity().bootId,
    policy: ctx.shutdownPolicy,
  });
}

/** What is there of launches that nobody knows was never claimed, or has ended. */
async function sweep(ctx: Context, known: readonly Launch[]): Promise<string[]> {
  const groups = new Set(known.map((launch) => launch.cgroup).filter((group) => group !== undefined));
  const ended = await ctx.containment.sweep(groups);
  const attempts = known.map((launch) => launch.attempt);
  return [
    ...ended.map((group) => `ended what was left in ${group}`),
    ...(await sweepChildSockets(ctx.root.runDir, attempts)),
  ];
}

async function inParallel(ctx: Context, todo: readonly Todo[], interrupt: AbortSignal): Promise<void> {
  const pending = todo.values();
  const worker = async () => {
    for (const { name, run } of pending) {
      if (interrupt.aborted) {
        return;
      }
      await run().catch((error) => {
        if (!interrupt.aborted) {
          ctx.logger.warn("an object could not be recovered", { object: name, error });
        }
      });
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}
