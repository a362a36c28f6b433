import { setTimeout as sleep } from "node:timers/promises";
import { abortError, LONGEST_TIMER_MS } from "./abort.ts";

/** Time as an operation sees it; tests bring one that they advance. */
export interface Clock {
  /** The wall clock: for people and records, never for durations or order. */
  now(): Date;
  /** Milliseconds since some moment; never goes back. */
  monotonicMs(): number;
  /**
   * Waits.
   *
   * @throws NodeError `CANCELLED` or `DEADLINE_EXCEEDED` when the signal aborts first
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  async sleep(ms, signal) {
    try {
      let remainingMs = ms;
      do {
        await sleep(Math.min(remainingMs, LONGEST_TIMER_MS), undefined, signal ? { signal } : {});
        remainingMs -= LONGEST_TIMER_MS;
      } while (remainingMs > 0);
    } catch (error) {
      throw signal?.aborted ? abortError(signal) : error;
    }
  },
};
