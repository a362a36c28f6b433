import { usageError } from "./usage-error.ts";

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const MAX_MS = 24 * 3_600_000;

/**
 * Reads `500ms`, `10s`, `1m30s`, `2h` or `0`; at most a day.
 *
 * @returns milliseconds
 * @throws NodeError `INVALID_ARGUMENT`
 */
export function parseDuration(text: string): number {
  if (text === "0") {
    return 0;
  }
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) {
    throw usageError(`${JSON.stringify(text)} is not a duration such as 500ms, 10s or 1m30s`);
  }
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    total += Number(count) * (UNITS[unit ?? ""] ?? 0);
  }
  if (total > MAX_MS) {
    throw usageError(`the duration ${text} is longer than 24h`);
  }
  return Math.round(total);
}
