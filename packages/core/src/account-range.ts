import { NodeError } from "./errors.ts";

/** The numbers, both ends included, that are uid and gid of accounts that nobody else uses. */
export interface AccountRange {
  readonly first: number;
  readonly last: number;
}

/** The kernel takes 2^32-1 for "leave as it is", and programs with 32-bit signed numbers the one before for it, too. */
const ID_MAX = 2 ** 32 - 3;
/** What the kernel shows for an owner that it cannot show: `nobody`, and what runs as that. */
const OVERFLOW_ID = 65534;

/**
 * Reads `FIRST-LAST`.
 *
 * @throws NodeError `INVALID_CONFIG` when it is none, or has a number that is root's, nobody's or no account's
 */
export function parseAccountRange(text: string): AccountRange {
  const [, from, to] = /^(\d{1,10})-(\d{1,10})$/.exec(text) ?? [];
  if (from === undefined || to === undefined) {
    throw invalid(text, "is not FIRST-LAST");
  }
  const range = { first: Number(from), last: Number(to) };
  if (range.first > range.last) {
    throw invalid(text, "ends before it begins");
  }
  if (range.first === 0 || range.last > ID_MAX) {
    throw invalid(text, `must be within 1 to ${ID_MAX}`);
  }
  if (isInRange(range, OVERFLOW_ID)) {
    throw invalid(text, `must leave out ${OVERFLOW_ID}, which is nobody's`);
  }
  return range;
}

/** `FIRST-LAST`. */
export function formatAccountRange({ first, last }: AccountRange): string {
  return `${first}-${last}`;
}

export function isInRange({ first, last }: AccountRange, id: number): boolean {
  return first <= id && id <= last;
}

function invalid(text: string, why: string): NodeError {
  return new NodeError("INVALID_CONFIG", `the range of accounts ${JSON.stringify(text)} ${why}`);
}
