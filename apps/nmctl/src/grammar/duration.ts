import { usageError } from "./usage-error.ts";

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const DAY_MS = 86_400_000;

/**
 * Reads `500ms`, `10s`, `1m30s`, `2h`, `7d` or `0`.
 *
 * @param mostDays - how long it may be
 *
 * @returns milliseconds
 * @throws NodeError `INVALID_ARGUMENT`
 */
export function parseDuration(text: string, mostDays: number = 1): number {
  if (text === "0") {
    return 0;
  }
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) {
    throw usageError(`${JSON.stringify(text)} is not a duration such as 500ms, 10s or 1m30s`);
  }
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    total += Number(count) * (UNITS[unit ?? ""] ?? 0);
  }
  if (total > mostDays * DAY_MS) {
    throw usageError(`the duration ${text} is longer than ${mostDays === 1 ? "24h" : `${mostDays}d`}`);
  }
  return Math.round(total);
}
