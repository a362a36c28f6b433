import { decodeEnvelope, type Envelope, NodeError } from "@nodemanager/core";
import type { WorkspaceRecord } from "@nodemanager/layout";

/**
 * What a workspace says of its version.
 *
 * @throws NodeError `STORE_CORRUPT` when that is no envelope
 */
export function envelopeOf({ envelope, dir }: Pick<WorkspaceRecord, "envelope" | "dir">): Envelope {
  try {
    return decodeEnvelope(envelope, dir);
  } catch (error) {
    if (error instanceof NodeError) {
      const metadata = { file: dir, field: error.metadata.field ?? "title" };
      throw new NodeError("STORE_CORRUPT", error.message, { metadata, cause: error });
    }
    throw error;
  }
}
