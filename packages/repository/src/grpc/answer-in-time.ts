import { hasReason, NodeError } from "@nodemanager/core";
import type { CallOptions } from "../repository.ts";

/** How long a repository that works may take for these calls: it looks up a name or a few files. */
export const ANSWER_TIMEOUT_MS: number = 30_000;

/**
 * Makes a call that a repository that works answers at once.
 *
 * @throws NodeError `REPOSITORY_UNAVAILABLE` when it does not answer in time
 */
export async function answerInTime<T>(
  options: CallOptions & { readonly timeoutMs: number },
  call: (callOptions: { readonly timeoutMs: number; readonly signal?: AbortSignal }) => Promise<T>,
): Promise<T> {
  const { signal, timeoutMs } = options;
  try {
    return await call({ timeoutMs, ...(signal && { signal }) });
  } catch (error) {
    if (hasReason(error, "DEADLINE_EXCEEDED") && !signal?.aborted) {
      throw new NodeError("REPOSITORY_UNAVAILABLE", `the repository is too slow: ${error.message}`, { cause: error });
    }
    throw error;
  }
}
