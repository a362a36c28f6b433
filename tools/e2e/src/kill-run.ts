import { violationsIn } from "./kill-check.ts";
import type { KillOperation } from "./kill-operation.ts";
import { KillWorld, type WorldOptions } from "./kill-world.ts";

export interface KillRunOptions extends WorldOptions {
  readonly when: "before" | "after";
  /** Whether verbs that only read count as steps, too. */
  readonly reads: boolean;
  /**
   * At which step of its start-up the next manager is killed as well, before the one that is looked at; not killed
   * unless given.
   */
  readonly recoveryStep?: (() => number) | undefined;
  /** Kills at every so many steps only; at each unless given. */
  readonly stride?: number | undefined;
}

export interface RandomKillOptions extends WorldOptions {
  /** How often the manager is killed. */
  readonly kills: number;
  /** From 0 to below 1. */
  readonly random: () => number;
}

export interface KillReport {
  /** How often the manager was killed. */
  readonly kills: number;
  readonly recoveryKills: number;
  /** Empty, or what a kill has broken, with the step. */
  readonly violations: readonly string[];
}

/** More steps than any operation takes: beyond it the switch does not work. */
const STEPS_MAX = 1000;

/**
 * Kills a manager at each step of an operation until it completes without having been killed. After each kill, another
 * manager recovers the root, which is then looked at, and the operation is done again. Ends with the first violation.
 */
export async function killAtEachStep(operation: KillOperation, o: KillRunOptions): Promise<KillReport> {
  const { when, reads, stride = 1 } = o;
  let kills = 0;
  let recoveryKills = 0;
  await using world = await KillWorld.make(o);
  await world.start();
  for (let step = 1; step <= STEPS_MAX; step += stride) {
    const requestId = `${operation.name}-${when}-${step}`;
    const target = await operation.prepare(world);
    await world.arm({ step, when, reads });
    const acknowledged = await operation.run(world, target, requestId);
    if (acknowledged && (await world.survives())) {
      const violations = (await violationsIn(world)).map((text) => `${operation.name}, not killed: ${text}`);
      await world.shutDown();
      return { kills, recoveryKills, violations };
    }
    kills++;
    const { stderr } = await world.daemon.ended;
    if (o.recoveryStep && !(await world.start({ step: o.recoveryStep(), when, reads: true }))) {
      recoveryKills++;
    } else if (o.recoveryStep) {
      await world.daemon.end("SIGKILL");
    }
    const where = `${operation.name} ${stderr.trimEnd().split("\n").at(-1)}`;
    const violations = await whatIsWrong(world, operation, { target, requestId, acknowledged, where });
    if (violations.length > 0) {
      return { kills, recoveryKills, violations };
    }
  }
  throw new Error(`${operation.name} never completes`);
}

/**
 * Kills a manager at any moment of an operation, whatever it does just then: also while it waits for a process. Ends with
 * the first violation.
 */
export async function killAtRandom(operation: KillOperation, o: RandomKillOptions): Promise<KillReport> {
  await using world = await KillWorld.make(o);
  await world.start();
  const target = await operation.prepare(world);
  const began = performance.now();
  await operation.run(world, target, "measured");
  const tookMs = performance.now() - began;
  await world.daemon.end("SIGKILL");
  await world.start();
  for (let kill = 1; kill <= o.kills; kill++) {
    const requestId = `${operation.name}-${kill}`;
    const target = await operation.prepare(world);
    const afterMs = o.random() * tookMs * 1.2;
    const timer = setTimeout(() => world.daemon.signal("SIGKILL"), afterMs);
    const acknowledged = await operation.run(world, target, requestId);
    clearTimeout(timer);
    await world.daemon.end("SIGKILL");
    const where = `${operation.name} killed after ${afterMs.toFixed(1)} of ${tookMs.toFixed(1)} ms`;
    const violations = await whatIsWrong(world, operation, { target, requestId, acknowledged, where });
    if (violations.length > 0) {
      return { kills: kill, recoveryKills: 0, violations };
    }
  }
  await world.shutDown();
  return { kills: o.kills, recoveryKills: 0, violations: [] };
}

interface Killed {
  readonly target: string;
  readonly requestId: string;
  readonly acknowledged: boolean;
  readonly where: string;
}

/** Lets another manager recover, looks at what it made of everything, and does the operation again. */
async function whatIsWrong(world: KillWorld, operation: KillOperation, killed: Killed): Promise<string[]> {
  const { target, requestId, acknowledged, where } = killed;
  try {
    await world.start();
    const wrong = [...(await violationsIn(world)), ...(await operation.check(world, target, acknowledged))];
    const afterwards = await operation.repeat(world, target, requestId);
    return [...wrong, ...afterwards.map((text) => `done again: ${text}`)].map((text) => `${where}: ${text}`);
  } catch (error) {
    return [`${where}: ${error instanceof Error ? error.message : String(error)}`];
  }
}
