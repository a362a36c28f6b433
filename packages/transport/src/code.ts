import type { Reason, StatusName } from "@nodemanager/core";

/** The numbers of google.rpc.Code. */
export const CODES = {
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

CODES satisfies Readonly<Record<StatusName, number>>;

/**
 * What a status means that came without a reason: from gRPC itself, from something between, or from a service that is
 * not ours. `UNAVAILABLE` depends on who was called, so the caller decides.
 */
const REASON_OF_CODE: ReadonlyMap<number, Reason> = new Map<number, Reason>([
  [CODES.CANCELLED, "CANCELLED"],
  [CODES.INVALID_ARGUMENT, "INVALID_ARGUMENT"],
  [CODES.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"],
  [CODES.ALREADY_EXISTS, "ALREADY_EXISTS"],
  [CODES.PERMISSION_DENIED, "PERMISSION_DENIED"],
  // What grpc-js says of a message above the limit.
  [CODES.RESOURCE_EXHAUSTED, "TOO_LARGE"],
  [CODES.UNIMPLEMENTED, "NOT_IMPLEMENTED"],
  [CODES.UNAUTHENTICATED, "UNAUTHENTICATED"],
]);

/** The reason for a status without one; `unavailable` for `UNAVAILABLE`. */
export function reasonOfCode(code: number, unavailable: Reason): Reason {
  return code === CODES.UNAVAILABLE ? unavailable : (REASON_OF_CODE.get(code) ?? "INTERNAL");
}

/** For people: `NOT_FOUND`, or `code 99`. */
export function codeName(code: number): string {
  return Object.entries(CODES).find(([, number]) => number === code)?.[0] ?? (code === 0 ? "OK" : `code ${code}`);
}
