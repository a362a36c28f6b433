import { terminate } from "@nodemanager/exec";
import type { WorkspaceRecord } from "@nodemanager/layout";
import type { Context } from "../context.ts";

/** What is in use, so that it is nobody's leftover. */
export interface InUse {
  readonly current: string | undefined;
  /** The version that runs, if it was started from a workspace. */
  readonly running: string | undefined;
}

/**
 * Removes what a manager left that ended while it made or tried a candidate: workspaces that were never current. What still
 * runs of a trial is ended first. Forgets a move that did not come to it.
 *
 * @returns what was done, a line each
 * @throws NodeError `CHILD_NOT_STOPPED`, `DISK_FULL` and the like; the next start-up does the rest
 */
export async function sweepCandidates(ctx: Context, used: InUse): Promise<readonly string[]> {
  const { manager } = ctx.root;
  const report: string[] = [];
  const records = await Array.fromAsync(manager.list());
  const whole = records.filter((record) => record.kind === "workspace");
  const goneBackTo = new Set(whole.filter((record) => isIn(record, used)).map(({ previous }) => previous));
  for (const record of whole) {
    if (isLeftover(record, used) && !goneBackTo.has(record.version)) {
      if (record.trial) {
        const { process: identity, cgroup, launchId } = record.trial;
        await terminate({ identity, cgroup, launchId }, { signal: "SIGKILL", graceMs: 0, clock: ctx.clock });
      }
      await manager.retire(record.version);
      report.push(`the manager's version ${record.version} was never switched to: removed`);
    }
  }
  const move = await manager.lastMove();
  const to = whole.find(({ version }) => version === move?.to);
  if (move && move.to !== used.current && move.to !== used.running && !to?.fellBackAt) {
    await manager.forgetMove();
  }
  return report;
}

/** One that was current was started, or is current still. */
function isLeftover(record: WorkspaceRecord, used: InUse): boolean {
  return record.healthyAt === undefined && !record.wasStarted && !isIn(record, used);
}

function isIn({ version }: WorkspaceRecord, { current, running }: InUse): boolean {
  return version === current || version === running;
}
