import { NodeError } from "@nodemanager/core";

/**
 * What is said to somebody who typed something that is not in the grammar; exit status 2.
 *
 * @param command - whose manual explains it
 */
export function usageError(message: string, command?: string): NodeError {
  return new NodeError("INVALID_ARGUMENT", message, command === undefined ? {} : { metadata: { command } });
}
