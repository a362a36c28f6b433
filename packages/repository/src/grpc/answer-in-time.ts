import { hasReason, NodeError } from "@nodemanager/core";
import type { CallOptions } from "../repository.ts";

// A repository looks up a name or a few files for these calls.
const TIMEOUT_MS = 30_000;

/**
 * Makes a call that is answered at once by a repository that works.
 *
 * @throws NodeError `REPOSITORY_UNAVAILABLE` when it is not, in half a minute
 */
export async function answerInTime<T>(
  options: CallOptions,
  call: (callOptions: { readonly timeoutMs: number; readonly signal?: AbortSignal }) => Promise<T>,
): Promise<T> {
  const { signal } = options;
  try {
    return await call({ timeoutMs: TIMEOUT_MS, ...(signal && { signal }) });
  } catch (error) {
    if (hasReason(error, "DEADLINE_EXCEEDED") && !signal?.aborted) {
      throw new NodeError("REPOSITORY_UNAVAILABLE", `the repository is too slow: ${error.message}`, { cause: error });
    }
    throw error;
  }
}
