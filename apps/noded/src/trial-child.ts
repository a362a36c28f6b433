import { NodeError } from "@nodemanager/core";
import { ChildError, type ChildHandle, childHandle } from "@nodemanager/exec/child";
import { callBack } from "@nodemanager/rpc/server";

/** This manager as the child of one that tries it. */
export interface TrialChild {
  /** What is spoken through: not to be closed. */
  readonly descriptors: readonly number[];
  /** Says where it serves, and that it is ready. */
  serves(address: string): Promise<void>;
}

/**
 * Waits for the go-ahead of the manager that tries this one.
 *
 * @throws NodeError `NOT_A_CHILD` when there is none
 */
export async function joinTrial(): Promise<TrialChild> {
  const child = await handle();
  const { CALLBACK_ADDRESS = "", CALLBACK_ID = "" } = child.config;
  return {
    descriptors: [3, 4],
    async serves(address) {
      await callBack({ address: CALLBACK_ADDRESS, callbackId: CALLBACK_ID }, "NODE_ADDRESS", address);
      child.ready();
    },
  };
}

async function handle(): Promise<ChildHandle> {
  try {
    return await childHandle();
  } catch (error) {
    if (error instanceof ChildError) {
      throw new NodeError(
        "NOT_A_CHILD",
        `these settings are for a trial, and no manager tries this one: ${error.message}`,
        {
          cause: error,
        },
      );
    }
    throw error;
  }
}
