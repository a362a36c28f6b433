import { createHash } from "node:crypto";
import { globSync, readdirSync, readFileSync, readlinkSync, rmdirSync } from "node:fs";
import { join } from "node:path";

const LOOK_MS = 5;

/** A living process that belongs to an instance below some root. */
export interface Counted {
  readonly pid: number;
  /** Which launch it belongs to; empty for one that hides its environment. */
  readonly launchId: string;
  /** The instance's name; empty for one that hides its environment. */
  readonly instance: string;
  readonly command: string;
}

/**
 * Every living process of an instance below a root: told by what its environment says of its logs or, should it have
 * thrown that away, by a working directory below the root. Zombies have neither.
 */
export function census(root: string): readonly Counted[] {
  return pids().flatMap((pid) => {
    const environment = environmentOf(pid);
    const isOurs = environment.get("NODED_LOGS_DIR")?.startsWith(`${root}/`) ?? false;
    if (!isOurs && !workingDirOf(pid).startsWith(`${root}/`)) {
      return [];
    }
    return [
      {
        pid,
        launchId: environment.get("NODED_LAUNCH_ID") ?? "",
        instance: environment.get("NODED_INSTANCE") ?? "",
        command: commandOf(pid),
      },
    ];
  });
}

/** Kills every process of the instances below a root, whoever knows it, and waits until it is gone. */
export async function killAll(root: string): Promise<void> {
  while (census(root).length > 0) {
    for (const { pid } of census(root)) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended meanwhile.
      }
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** Every living process whose command line or working directory mentions a directory. */
export function processesAt(dir: string): readonly string[] {
  return pids()
    .filter((pid) => pid !== process.pid)
    .map((pid) => `${pid} ${commandOf(pid)} in ${workingDirOf(pid)}`)
    .filter((line) => line.includes(dir));
}

/** The directories of control groups of a name, wherever they are mounted. */
export function controlGroups(name: string): readonly string[] {
  return globSync(["/sys/fs/cgroup/**/", "/sys/fs/cgroup/unified/**/"].map((dir) => join(dir, name)));
}

/** Removes what a killed manager has left of its control groups; nothing lives in them any more. */
export function removeControlGroups(name: string): void {
  for (const dir of controlGroups(name)) {
    for (const entry of readdirSync(dir, { withFileTypes: true }).filter((one) => one.isDirectory())) {
      rmdirSync(join(dir, entry.name));
    }
    rmdirSync(dir);
  }
}

/** What the manager of a root calls its control group. */
export function controlGroupOf(root: string): string {
  return `noded-${createHash("sha256").update(root).digest("hex").slice(0, 12)}`;
}

function pids(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function environmentOf(pid: number): Map<string, string> {
  const assignments = readOr(`/proc/${pid}/environ`).split("\0");
  return new Map(
    assignments.map((text) => {
      const at = text.indexOf("=");
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

function commandOf(pid: number): string {
  return readOr(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim();
}

function workingDirOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return "";
  }
}

/** A process may end while it is looked at. */
function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
