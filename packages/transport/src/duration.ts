import { NodeError } from "@nodemanager/core";
import type { Duration } from "@nodemanager/proto";

const NANOS_IN_MS = 1_000_000;
const YEAR_S = 366n * 24n * 60n * 60n;

/** The message for so many milliseconds. */
export function durationMessage(ms: number): Duration {
  const seconds = Math.floor(ms / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * NANOS_IN_MS) };
}

/**
 * The milliseconds of a message, rounded up; nothing for none.
 *
 * @throws NodeError `INVALID_ARGUMENT` naming the field, for less than nothing and more than a year
 */
export function durationMs(duration: Duration | undefined, field: string): number | undefined {
  if (!duration) {
    return undefined;
  }
  const { seconds, nanos } = duration;
  if (seconds < 0n || seconds > YEAR_S || nanos < 0 || nanos >= 1000 * NANOS_IN_MS) {
    throw new NodeError("INVALID_ARGUMENT", `${field} is from 0 to a year`, { metadata: { field } });
  }
  return Number(seconds) * 1000 + Math.ceil(nanos / NANOS_IN_MS);
}
