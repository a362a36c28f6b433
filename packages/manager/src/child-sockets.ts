import { chown, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { type Account, fromErrno } from "@nodemanager/core";
import { removeTree } from "@nodemanager/layout";

/** The sockets between the manager and one child, in a directory of their own below the root's directory for sockets. */
export interface ChildSockets {
  readonly dir: string;
  /** Where the manager listens while the child starts. */
  readonly callback: string;
  /** Where the child is asked to serve its app cycle. */
  readonly appCycle: string;
}

const OURS = /^(s|cb|ac)-[a-z2-7]{10,12}$/;

/** Where the sockets of a launch are. Short, because a socket's path has at most 107 bytes. */
export function childSockets(runDir: string, attempt: string): ChildSockets {
  const dir = join(runDir, nameOf(attempt));
  return { dir, callback: join(dir, "cb"), appCycle: join(dir, "ac") };
}

/** Makes the directory, closed to others. @throws NodeError `DISK_FULL`, `READ_ONLY` and the like */
export async function makeChildSockets(sockets: ChildSockets): Promise<void> {
  try {
    await mkdir(sockets.dir, { mode: 0o700 });
  } catch (error) {
    throw fromErrno(error, "making the directory for a child's sockets");
  }
}

/**
 * Lets a child with an account in, once the manager listens: it connects to the one socket and makes the other. Nobody
 * else gets in. The directory comes last, so that it is ours alone while anything is done in it.
 */
export async function shareChildSockets(sockets: ChildSockets, { uid, gid }: Account): Promise<void> {
  await chown(sockets.callback, uid, gid);
  await chown(sockets.dir, uid, gid);
}

/** Removes what a launch that has ended may have left: a killed process does not remove its socket. */
export async function removeChildSockets(runDir: string, attempt: string): Promise<void> {
  for (const name of [nameOf(attempt), earlierNameOf(attempt)]) {
    await removeTree(join(runDir, name));
  }
}

/**
 * Removes the sockets of all launches but those that may still run; other sockets in the directory stay.
 *
 * @returns what was removed
 */
export async function sweepChildSockets(runDir: string, attempts: Iterable<string>): Promise<readonly string[]> {
  const kept = new Set([...attempts].flatMap((attempt) => [nameOf(attempt), earlierNameOf(attempt)]));
  const removed: string[] = [];
  for (const name of await readdir(runDir)) {
    if (OURS.test(name) && !kept.has(name)) {
      await removeTree(join(runDir, name));
      removed.push(join(runDir, name));
    }
  }
  return removed;
}

/** Enough of it that no two attempts share it. */
function nameOf(attempt: string): string {
  return `s-${attempt.slice(0, 10)}`;
}

/** A child that was started by a manager of version 0.1 may still serve there. */
function earlierNameOf(attempt: string): string {
  return `ac-${attempt.slice(0, 12)}`;
}
