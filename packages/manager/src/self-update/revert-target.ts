import { hasReason, NodeError } from "@nodemanager/core";
import type { ManagerStore, WorkspaceRecord } from "@nodemanager/layout";
import { envelopeOf } from "./envelope-of.ts";

/**
 * The workspace that a revert of another one goes back to; it is whole.
 *
 * @throws NodeError `NO_PREVIOUS_VERSION`, also when that one was collected; `STORE_CORRUPT` when it is damaged
 */
export async function revertTarget(
  store: ManagerStore,
  running: WorkspaceRecord | undefined,
): Promise<WorkspaceRecord> {
  if (running?.previous === undefined) {
    throw new NodeError("NO_PREVIOUS_VERSION", "the manager has no previous version to go back to");
  }
  try {
    const previous = await store.read(running.previous);
    await checkProgram(store, previous);
    return previous;
  } catch (error) {
    if (hasReason(error, "VERSION_NOT_FOUND")) {
      throw new NodeError("NO_PREVIOUS_VERSION", `the previous version ${running.previous} was removed`, {
        cause: error,
      });
    }
    throw error;
  }
}

/** What would not start must not be switched to. */
async function checkProgram(store: ManagerStore, workspace: WorkspaceRecord): Promise<void> {
  const { version, programFile } = workspace;
  const { binary } = envelopeOf(workspace);
  if ((await store.digest(version)) !== binary?.sha256) {
    throw new NodeError("STORE_CORRUPT", `${programFile} is not the program that its envelope names`, {
      metadata: { file: programFile, field: "" },
    });
  }
}
