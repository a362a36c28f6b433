import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";

/** The sockets between the manager and one child, in the root's directory for sockets. */
export interface ChildSockets {
  /** Where the manager listens while the child starts. */
  readonly callback: string;
  /** Where the child is asked to serve its app cycle. */
  readonly appCycle: string;
}

const CALLBACK = "cb-";
const APP_CYCLE = "ac-";
/** Short, because a socket's path has at most 107 bytes; enough that no two attempts share it. */
const NAME_CHARACTERS = 12;

/** Where the sockets of a launch are. */
export function childSockets(runDir: string, attempt: string): ChildSockets {
  return {
    callback: join(runDir, CALLBACK + shortName(attempt)),
    appCycle: join(runDir, APP_CYCLE + shortName(attempt)),
  };
}

/** Removes what a launch that has ended may have left: a killed process does not remove its socket. */
export async function removeChildSockets(runDir: string, attempt: string): Promise<void> {
  for (const path of Object.values(childSockets(runDir, attempt))) {
    await rm(path, { force: true });
  }
}

/**
 * Removes the sockets of all launches but those that may still run; other sockets in the directory stay.
 *
 * @returns what was removed
 */
export async function sweepChildSockets(runDir: string, attempts: Iterable<string>): Promise<readonly string[]> {
  const kept = new Set([...attempts].map((attempt) => APP_CYCLE + shortName(attempt)));
  const removed: string[] = [];
  for (const name of await readdir(runDir)) {
    if ((name.startsWith(CALLBACK) || name.startsWith(APP_CYCLE)) && !kept.has(name)) {
      await rm(join(runDir, name), { force: true });
      removed.push(join(runDir, name));
    }
  }
  return removed;
}

function shortName(attempt: string): string {
  return attempt.slice(0, NAME_CHARACTERS);
}
