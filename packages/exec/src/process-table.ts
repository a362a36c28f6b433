import { readdirSync, readFileSync } from "node:fs";
import type { ProcessIdentity } from "@nodemanager/core";
import { type ProcessStat, readProcessStat } from "./process-identity.ts";

/** A living process, and the launch id in its environment if it has one that can be read. */
interface TableEntry {
  readonly stat: ProcessStat;
  launchId(): string | undefined;
}

let nextLook: Promise<readonly TableEntry[]> | undefined;

/**
 * The living processes of a launch without a control group: the members of its process group and of its session, and
 * those that carry its launch id. The leader need not live any more. They are looked up after the call; many who ask at
 * once share one look.
 *
 * While a group or a session has members its number is not given to another process, so when a stranger has the
 * leader's pid, group and session are gone and the numbers mean the stranger's.
 */
export async function launchProcesses(
  leader: ProcessIdentity,
  launchId: string | undefined,
): Promise<readonly ProcessStat[]> {
  const table = await livingProcesses();
  const holder = readProcessStat(leader.pid);
  const recycled = holder !== undefined && holder.identity.startTicks !== leader.startTicks;
  const belongs = ({ stat, launchId: carried }: TableEntry) => {
    // Nothing that a process has started is older than it is.
    if (stat.identity.bootId !== leader.bootId || stat.identity.startTicks < leader.startTicks) {
      return false;
    }
    const inGroup = !recycled && (stat.processGroup === leader.pid || stat.session === leader.pid);
    return inGroup || (launchId !== undefined && carried() === launchId);
  };
  return table.filter(belongs).map(({ stat }) => stat);
}

function livingProcesses(): Promise<readonly TableEntry[]> {
  nextLook ??= new Promise((resolve) => {
    setImmediate(() => {
      nextLook = undefined;
      resolve(readProcessTable());
    });
  });
  return nextLook;
}

function readProcessTable(): readonly TableEntry[] {
  const table: TableEntry[] = [];
  for (const name of readdirSync("/proc")) {
    const stat = /^\d+$/.test(name) ? readProcessStat(Number(name)) : undefined;
    if (stat && !stat.dead) {
      let launchId: { readonly found: string | undefined } | undefined;
      table.push({
        stat,
        launchId() {
          launchId ??= { found: readLaunchId(stat.identity.pid) };
          return launchId.found;
        },
      });
    }
  }
  return table;
}

function readLaunchId(pid: number): string | undefined {
  try {
    return /(?:^|\0)NODED_LAUNCH_ID=([^\0]*)\0/.exec(readFileSync(`/proc/${pid}/environ`, "latin1"))?.[1];
  } catch {
    // Gone, or not ours to read.
    return undefined;
  }
}
