import { join } from "node:path";
import { type ExitStatus, formatName, type InstanceName, type Logger } from "@nodemanager/core";
import { adopt, isAlive, selfIdentity } from "@nodemanager/exec";
import type { InstallationRecord, InstanceRecord } from "@nodemanager/layout";
import type { Context } from "../context.ts";
import { type ClaimedLaunch, endProcess, stopPolicyOf, targetOf } from "../ops/end.ts";
import { recordExit } from "../ops/exited.ts";
import { launch } from "../ops/launch.ts";
import { stop } from "../ops/stop.ts";
import { suspend } from "../ops/suspend.ts";
import { uninstall } from "../ops/uninstall.ts";
import type { Live } from "../supervisor.ts";
import { planInstance, type RecoveryAction } from "./plan.ts";

/** How many objects are recovered at a time. */
const PARALLEL = 8;

/** What a start-up found and does about it. */
export interface Recovery {
  /** For people, a line each: what was found that was not as it should be. */
  readonly report: readonly string[];
  /** Carries out what takes time; settles when every object has been dealt with, and never rejects. */
  finish(): Promise<void>;
}

/**
 * Brings disk and process table together after whatever happened: processes that go on are taken over before this
 * returns, everything else is decided and left to `finish`. An object that cannot be recovered is reported and stops
 * nothing else. Killed at any point, the next start-up comes to the same end.
 */
export async function recover(ctx: Context): Promise<Recovery> {
  const report: string[] = [];
  const todo: (() => Promise<void>)[] = [];
  const groups = new Set<string>();
  for await (const installation of ctx.root.installations.list()) {
    if (installation.kind === "broken") {
      report.push(`${installation.name} is broken: ${installation.error.message}`);
      continue;
    }
    if (installation.state === "uninstalling") {
      report.push(`${formatName(installation.name)} was being uninstalled`);
      todo.push(() => finishUninstall(ctx, installation));
    }
    for await (const record of ctx.root.instances.list(installation.name)) {
      if (record.kind === "broken") {
        report.push(`${record.name} is broken: ${record.error.message}`);
        continue;
      }
      if ("launch" in record && record.launch?.cgroup) {
        groups.add(record.launch.cgroup);
      }
      const action = installation.state === "uninstalling" ? "leave" : decide(ctx, record);
      if (action === "leave") {
        continue;
      }
      report.push(`${formatName(record.name)} was ${record.state}: ${action}`);
      if (action === "adopt" && record.state === "running") {
        takeOver(ctx, record);
      } else {
        todo.push(() => carryOut(ctx, record, action));
      }
    }
  }
  // Whatever else runs in a group of ours belongs to a launch that was never claimed or has ended.
  for (const group of await ctx.containment.sweep(groups)) {
    report.push(`ended what was left in ${group}`);
  }
  return { report, finish: () => inParallel(todo, ctx.logger) };
}

function decide(ctx: Context, record: InstanceRecord): RecoveryAction {
  const process = "launch" in record ? record.launch?.process : undefined;
  return planInstance(record, {
    alive: process !== undefined && isAlive(process),
    sameBoot: process?.bootId === selfIdentity().bootId,
    policy: ctx.shutdownPolicy,
  });
}

function takeOver(ctx: Context, record: InstanceRecord & { state: "running" }): void {
  const key = formatName(record.name);
  const { attempt, process, lifeline } = record.launch;
  const stopWatching = new AbortController();
  const adopted = adopt(process, {
    signal: stopWatching.signal,
    ...(lifeline ? { lifelinePath: join(record.dir, "lifeline") } : {}),
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

async function carryOut(ctx: Context, record: InstanceRecord, action: RecoveryAction): Promise<void> {
  const { name } = record;
  const signal = ctx.closing;
  const report = () => {};
  switch (action) {
    case "suspendAndResume":
      await suspend(ctx, name, { signal, report });
      break;
    case "recordExit":
      await recordExit(ctx, name, unseen(record));
      return;
    case "recordExitAndResume":
      await ctx.root.instances.claimSuspend(name);
      await ctx.root.instances.finishSuspend(name, {
        lastExit: { exit: { kind: "unseen" }, at: ctx.clock.now(), lastLines: "" },
      });
      break;
    case "abandon":
      await abandonStarting(ctx, record);
      break;
    case "finishSuspend":
      await suspend(ctx, name, { signal, report });
      break;
    case "finishStop":
      await stop(ctx, name, { signal, report });
      return;
    case "resume":
    case "adopt":
    case "leave":
      break;
  }
  await resumeIfWanted(ctx, name);
}

async function resumeIfWanted(ctx: Context, name: InstanceName): Promise<void> {
  const record = await ctx.root.instances.read(name);
  if (record.state === "suspended" && !record.suspension) {
    await launch(ctx, name, { signal: ctx.closing, report: () => {} });
  }
}

async function abandonStarting(ctx: Context, record: InstanceRecord): Promise<void> {
  if (record.state !== "starting") {
    return;
  }
  const policy = await stopPolicyOf(ctx, record);
  const claimed: ClaimedLaunch = record.launch;
  const lastExit = await endProcess(ctx, record, claimed, {
    deadlineMs: policy.graceMs,
    signal: policy.signal,
    report: () => {},
  });
  await ctx.root.instances.abandonLaunch(record.name, record.launch.attempt, { lastExit });
}

async function finishUninstall(ctx: Context, record: InstallationRecord): Promise<void> {
  await uninstall(ctx, record.name, { signal: ctx.closing, report: () => {} });
}

function unseen(record: InstanceRecord): Live {
  const launch = "launch" in record ? record.launch : undefined;
  if (!launch) {
    throw new Error(`${formatName(record.name)} has no process`);
  }
  return {
    attempt: launch.attempt,
    target: targetOf(launch),
    exited: Promise.resolve({ kind: "unseen" }),
    detach() {},
  };
}

async function inParallel(todo: (() => Promise<void>)[], logger: Logger): Promise<void> {
  const worker = async () => {
    for (let work = todo.shift(); work; work = todo.shift()) {
      await work().catch((error) => logger.warn("an object could not be recovered", { error }));
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}
