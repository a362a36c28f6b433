import { join } from "node:path";
import { type BinaryRef, binariesOf, type Envelope, encodeEnvelope, NodeError } from "@nodemanager/core";
import type { BlobStore } from "./blob-store.ts";
import { encodeDocument } from "./document.ts";
import type { StagedTree } from "./staged-tree.ts";

/** What is in a version's directory. */
export interface VersionContent {
  readonly envelope: Envelope;
  readonly origin: string;
}

/**
 * Builds a version in a staged tree; it appears when the tree does.
 *
 * @param dir - where in the tree
 */
export async function buildVersion(
  stage: StagedTree,
  dir: string,
  { envelope, origin }: VersionContent,
  blobs: BlobStore,
): Promise<void> {
  await stage.directory(dir);
  await stage.file(join(dir, "envelope.json"), encodeDocument(encodeEnvelope(envelope)));
  await stage.file(join(dir, "origin.json"), encodeDocument({ origin }));
  if (envelope.binary) {
    await stage.hardLink(join(dir, "bin"), blobs.path(envelope.binary.sha256));
  }
}

/**
 * Checks that everything that a version is made from is on this node.
 *
 * @throws NodeError `BINARY_NOT_FOUND`, `SIZE_MISMATCH`, `INVALID_ARGUMENT` for a digest that is none
 */
export async function requireBlobs(blobs: BlobStore, envelope: Envelope): Promise<void> {
  for (const ref of binariesOf(envelope)) {
    await requireBlob(blobs, ref);
  }
}

async function requireBlob(blobs: BlobStore, { sha256, sizeBytes }: BinaryRef): Promise<void> {
  const size = await blobs.size(sha256);
  if (size === undefined) {
    throw new NodeError("BINARY_NOT_FOUND", `binary ${sha256} is not on this node`);
  }
  if (size !== sizeBytes) {
    throw new NodeError("SIZE_MISMATCH", `binary ${sha256} has ${size} bytes on this node instead of ${sizeBytes}`);
  }
}
