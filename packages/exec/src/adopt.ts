import { Socket } from "node:net";
import { abortError, type Clock, type ExitStatus, type ProcessIdentity, systemClock } from "@nodemanager/core";
import { openLifelineForWatcher } from "./lifeline.ts";
import { isAlive } from "./process-identity.ts";

/** A process that is not our child, and is watched. */
export interface Adopted {
  readonly identity: ProcessIdentity;
  /** Fulfilled with `unseen`, because only a parent is told the status; rejected when the signal aborts. */
  readonly exited: Promise<ExitStatus>;
}

export interface AdoptOptions {
  /** The FIFO whose write end the process holds. Without it, or when it cannot be opened, `/proc` is looked at. */
  readonly lifelinePath?: string | undefined;
  /** Ends the watching and frees what it holds. */
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

/** How often `/proc` is looked at for a process without a lifeline, or one that has closed it. */
const POLL_MS = 1000;
/** How often for one with a lifeline: a descendant that inherited it may hold it when the process has ended. */
const BACKSTOP_MS = 10_000;
const FIRST_POLL_MS = 2;

/**
 * Watches a process that is not our child. With a lifeline its end is seen at once, without work until then.
 *
 * A pid that was given to another process counts as ended.
 */
export function adopt(identity: ProcessIdentity, options: AdoptOptions): Adopted {
  const exited = watch(identity, options);
  // Whoever aborts need not look at it.
  exited.catch(() => {});
  return { identity, exited };
}

async function watch(identity: ProcessIdentity, options: AdoptOptions): Promise<ExitStatus> {
  const { signal, clock = systemClock } = options;
  if (options.lifelinePath !== undefined) {
    await lifelineEnd(identity, options.lifelinePath, clock, signal);
  }
  // At first in short intervals: descriptors are closed a moment before the process counts as dead.
  for (let intervalMs = FIRST_POLL_MS; mayLive(identity); intervalMs = Math.min(intervalMs * 2, POLL_MS)) {
    await clock.sleep(intervalMs, signal);
  }
  return { kind: "unseen" };
}

/** Waits until nobody holds the lifeline, or the process is dead all the same. */
async function lifelineEnd(identity: ProcessIdentity, path: string, clock: Clock, signal: AbortSignal): Promise<void> {
  let socket: Socket;
  try {
    socket = new Socket({ fd: openLifelineForWatcher(path), readable: true, writable: false });
  } catch {
    return; // `/proc` tells as well, only later.
  }
  const over = new AbortController();
  try {
    const ended = new Promise<void>((resolve) => {
      socket.once("close", resolve).once("error", () => resolve());
      socket.resume(); // What the process writes is nothing to us.
    });
    const backstop = async () => {
      while (mayLive(identity)) {
        await clock.sleep(BACKSTOP_MS, AbortSignal.any([over.signal, signal]));
      }
    };
    await Promise.race([ended, backstop()]);
  } finally {
    over.abort();
    socket.destroy();
  }
  if (signal.aborted) {
    throw abortError(signal);
  }
}

/** That it cannot be looked at, as when there are no descriptors left, says nothing: it is looked at again later. */
function mayLive(identity: ProcessIdentity): boolean {
  try {
    return isAlive(identity);
  } catch {
    return true;
  }
}
