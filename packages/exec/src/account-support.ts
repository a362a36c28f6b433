import { readFileSync } from "node:fs";
import type { AccountRange } from "@nodemanager/core";

/** What it takes to give files to others, to become them, and to deal with what is theirs: capabilities(7). */
const NEEDED: Readonly<Record<string, number>> = {
  CAP_CHOWN: 0,
  CAP_DAC_OVERRIDE: 1,
  CAP_FOWNER: 3,
  CAP_KILL: 5,
  CAP_SETGID: 6,
  CAP_SETUID: 7,
};

/**
 * Why this process cannot run children under the accounts of a range; undefined when it can. Root alone is not enough: a
 * container may lack the capabilities, or the numbers.
 */
export function whyNoAccounts(range: AccountRange): string | undefined {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  const has = BigInt(`0x${effective}`);
  const missing = Object.entries(NEEDED).filter(([, bit]) => ((has >> BigInt(bit)) & 1n) === 0n);
  if (missing.length > 0) {
    return `the manager does not have ${missing.map(([name]) => name).join(", ")}`;
  }
  for (const map of ["uid_map", "gid_map"]) {
    if (!isMapped(readFileSync(`/proc/self/${map}`, "utf8"), range)) {
      return `the manager's user namespace does not have all of them (/proc/self/${map})`;
    }
  }
  return undefined;
}

/** Whether one line of a map, which is `<first here> <first outside> <count>`, has all of a range. */
function isMapped(map: string, { first, last }: AccountRange): boolean {
  return map.split("\n").some((line) => {
    const [start = Number.NaN, , count = 0] = line.trim().split(/\s+/).map(Number);
    return start <= first && last < start + count;
  });
}
