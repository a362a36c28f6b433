import { readFileSync } from "node:fs";
import { isErrno, isSameProcess, NodeError, type ProcessIdentity } from "@nodemanager/core";

/** What `/proc/<pid>/stat` says of a process, a zombie too. */
export interface ProcessStat {
  readonly identity: ProcessIdentity;
  /** Z and X are dead: a zombie only waits to be collected. */
  readonly dead: boolean;
  readonly processGroup: number;
  readonly session: number;
}

let cachedBootId: string | undefined;

/** Who a living process is; nothing for one that is gone or a zombie. */
export function readProcessIdentity(pid: number): ProcessIdentity | undefined {
  const stat = readProcessStat(pid);
  return stat && !stat.dead ? stat.identity : undefined;
}

/** Whether this very process lives: the same pid of another process, or of another boot, does not count. */
export function isAlive(identity: ProcessIdentity): boolean {
  const living = readProcessIdentity(identity.pid);
  return living !== undefined && isSameProcess(living, identity);
}

/** Who this process is. */
export function selfIdentity(): ProcessIdentity {
  const self = readProcessIdentity(process.pid);
  if (!self) {
    throw new NodeError("INTERNAL", "/proc does not show this process: mount it");
  }
  return self;
}

/** Reads `/proc/<pid>/stat`; nothing when there is no such process, whatever the number. */
export function readProcessStat(pid: number): ProcessStat | undefined {
  // 0 and negative numbers mean groups to kill(2), and a damaged record may hold them.
  if (!Number.isSafeInteger(pid) || pid <= 0) {
    return undefined;
  }
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH", "ENOTDIR")) {
      return undefined;
    }
    throw error;
  }
  return parseProcessStat(pid, stat, bootId());
}

/** Reads the text of `/proc/<pid>/stat`. The program's name is in parentheses and may itself hold `)` and spaces. */
export function parseProcessStat(pid: number, stat: string, boot: string): ProcessStat | undefined {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  // Numbered from 1 in proc(5); the state, number 3, is first here.
  const [state, processGroup, session, startTicks] = [fields[0], fields[2], fields[3], fields[19]];
  if (!state || startTicks === undefined) {
    return undefined;
  }
  return {
    identity: { pid, startTicks: Number(startTicks), bootId: boot },
    dead: state === "Z" || state === "X" || state === "x",
    processGroup: Number(processGroup),
    session: Number(session),
  };
}

function bootId(): string {
  cachedBootId ??= readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  return cachedBootId;
}
