import { NodeError, REASONS, type StatusName } from "@nodemanager/core";

/** What a program that calls nmctl can tell apart; in the order of the manual. */
export const EXIT_CODES = {
  done: 0,
  failed: 1,
  usage: 2,
  partly: 3,
  notFound: 4,
  deadline: 5,
  notPermitted: 6,
  interrupted: 130,
} as const;

/** What each means, for the manual. */
export const EXIT_MEANINGS: Readonly<Record<keyof typeof EXIT_CODES, string>> = {
  done: "done",
  failed: "failed; of a batch, everything failed",
  usage: "the command line, or something in it, is not valid",
  partly: "some of a batch failed",
  notFound: "what was named is not there",
  deadline: "it took longer than allowed",
  notPermitted: "not permitted",
  interrupted: "interrupted",
};

const OF_STATUS: Readonly<Partial<Record<StatusName, number>>> = {
  INVALID_ARGUMENT: EXIT_CODES.usage,
  NOT_FOUND: EXIT_CODES.notFound,
  DEADLINE_EXCEEDED: EXIT_CODES.deadline,
  PERMISSION_DENIED: EXIT_CODES.notPermitted,
  UNAUTHENTICATED: EXIT_CODES.notPermitted,
  CANCELLED: EXIT_CODES.interrupted,
};

/** The exit status for a failure, by the status of its reason. */
export function exitCodeOf(error: unknown): number {
  return error instanceof NodeError
    ? (OF_STATUS[REASONS[error.reason].status] ?? EXIT_CODES.failed)
    : EXIT_CODES.failed;
}

/**
 * The exit status of an operation on objects, each of which ended on its own.
 *
 * @param single - whether it was about one object, whose failure then decides
 */
export function exitCodeOfBatch(batch: {
  readonly single: boolean;
  readonly succeeded: number;
  readonly failures: readonly NodeError[];
}): number {
  const [first] = batch.failures;
  if (!first) {
    return EXIT_CODES.done;
  }
  if (batch.single) {
    return exitCodeOf(first);
  }
  return batch.succeeded > 0 ? EXIT_CODES.partly : EXIT_CODES.failed;
}
