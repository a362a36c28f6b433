import { NodeError } from "@nodemanager/core";
import { expect } from "vitest";

// `@nodemanager/testing` has more of this, but it stands above this package.

/** The error with which something fails. */
export function failureOf(work: () => unknown): NodeError {
  try {
    work();
  } catch (error) {
    if (error instanceof NodeError) {
      return error;
    }
    throw error;
  }
  return expect.fail("it did not fail");
}

/** The reason for which a promise is rejected. */
export async function reasonOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => expect.fail("it did not fail"),
    (reason: unknown) => reason,
  );
  return error instanceof NodeError ? error.reason : String(error);
}
