import { violationsIn } from "./kill-check.ts";
import type { KillOperation } from "./kill-operations.ts";
import { KillWorld, type WorldOptions } from "./kill-world.ts";

export interface KillRunOptions extends WorldOptions {
  readonly when: "before" | "after";
  /** Whether verbs that only read count as steps, too. */
  readonly reads: boolean;
  /** The first step, and how many to go on by: several runs can share the steps of one operation. */
  readonly from?: number;
  readonly by?: number;
  /**
   * At which step of its start-up the next manager is killed as well, before the one that is looked at; not killed
   * unless given.
   */
  readonly recoveryStep?: (() => number) | undefined;
}

export interface KillReport {
  readonly operation: string;
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
 * manager recovers the root, which is then looked at, and the operation is done again.
 */
export async function killAtEachStep(operation: KillOperation, o: KillRunOptions): Promise<KillReport> {
  const { when, reads, from = 1, by = 1 } = o;
  const violations: string[] = [];
  let kills = 0;
  let recoveryKills = 0;
  await using world = await KillWorld.make(o);
  await world.start();
  for (let step = from; ; step += by) {
    if (step > STEPS_MAX) {
      throw new Error(`${operation.name} never completes`);
    }
    const requestId = `${operation.name}-${when}-${step}`;
    const target = await operation.prepare(world);
    await world.arm({ step, when, reads });
    const acknowledged = await operation.run(world, target, requestId);
    if (acknowledged && (await world.survives())) {
      violations.push(...(await violationsIn(world)).map((text) => `${operation.name}, not killed: ${text}`));
      await world.shutDown();
      return { operation: operation.name, kills, recoveryKills, violations };
    }
    kills++;
    const { stderr } = await world.daemon.ended;
    const where = `${operation.name} ${stderr.trimEnd().split("\n").at(-1)}`;
    if (o.recoveryStep && !(await world.start({ step: o.recoveryStep(), when, reads: true }))) {
      recoveryKills++;
    } else if (o.recoveryStep) {
      await world.daemon.end("SIGKILL");
    }
    try {
      await world.start();
      const wrong = [...(await violationsIn(world)), ...(await operation.check(world, target, acknowledged))];
      violations.push(...wrong.map((text) => `${where}: ${text}`));
      const afterwards = await operation.repeat(world, target, requestId);
      violations.push(...afterwards.map((text) => `${where}: done again: ${text}`));
    } catch (error) {
      violations.push(`${where}: ${error instanceof Error ? error.message : String(error)}`);
    }
    if (violations.length > 0) {
      return { operation: operation.name, kills, recoveryKills, violations };
    }
  }
}
