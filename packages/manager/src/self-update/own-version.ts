import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import {
  type BinaryRef,
  decodeEnvelope,
  type Envelope,
  encodeEnvelope,
  hasReason,
  isErrno,
  MANAGER_TITLE,
  NodeError,
} from "@nodemanager/core";
import type { Root, WorkspaceRecord } from "@nodemanager/layout";
import type { Context } from "../context.ts";
import { envelopeOf } from "./envelope-of.ts";
import type { SelfUpdateSetup } from "./setup.ts";
import { startScript } from "./start-script.ts";

/** The version that runs. */
export interface OwnVersion {
  readonly envelope: Envelope;
  readonly binary: BinaryRef;
  /** The file, whose bytes are those of {@link binary}. */
  readonly programFile: string;
  /** Its workspace, if it was started from one, or was made one before. */
  readonly workspace: WorkspaceRecord | undefined;
}

/**
 * Finds out what runs. The file is read: whatever a document says of it, these are the bytes that a later start runs.
 *
 * @param version - the semantic version that the manager has of itself
 * @throws NodeError `STORE_CORRUPT` when its workspace cannot be read
 */
export async function ownVersion(root: Root, programFile: string, version: string): Promise<OwnVersion> {
  const binary = await binaryOf(programFile);
  const name = await root.manager.workspaceOf(programFile);
  const workspace = name === undefined ? await madeBefore(root, binary, version) : await root.manager.read(name);
  const envelope = workspace
    ? envelopeOf(workspace)
    : decodeEnvelope({ title: MANAGER_TITLE, version, binary }, programFile);
  return { envelope, binary, programFile, workspace };
}

/**
 * Makes a workspace of a version that was not started from one, so that a later one can go back to it. It counts as healthy:
 * it serves.
 *
 * @throws NodeError `DISK_FULL` and the like; nothing stays then
 */
export async function stageOwnVersion(
  ctx: Context,
  own: OwnVersion,
  { setup, signal }: { readonly setup: SelfUpdateSetup; readonly signal: AbortSignal },
): Promise<WorkspaceRecord> {
  const { root } = ctx;
  const stage = (binary: string) =>
    root.manager.stage({
      binary,
      script: startScript(setup),
      settings: setup.settings,
      envelope: encodeEnvelope(own.envelope),
    });
  const staged = await stage(own.programFile).catch(async (error: unknown) => {
    // Another file system, or another owner whose files may not be linked to.
    if (!(error instanceof NodeError && isErrno(error.cause, "EXDEV", "EPERM", "EACCES", "EMLINK"))) {
      throw error;
    }
    // Until the workspace has its link, the copy is one that nothing uses: who collects those has to wait.
    using _held = await ctx.binaries.acquire(own.binary.sha256, signal);
    await copyToBlobs(root, own);
    return await stage(root.blobs.path(own.binary.sha256));
  });
  try {
    await root.manager.markHealthy(staged.version);
  } catch (error) {
    await root.manager.retire(staged.version);
    throw error;
  }
  return staged;
}

/** A workspace that was made of the same file by an earlier update. */
async function madeBefore(root: Root, binary: BinaryRef, version: string): Promise<WorkspaceRecord | undefined> {
  for await (const record of root.manager.list()) {
    if (record.kind === "workspace" && record.healthyAt && (await isMadeOf(root, record, binary, version))) {
      return record;
    }
  }
  return undefined;
}

/** One that is damaged is made of nothing. */
async function isMadeOf(root: Root, record: WorkspaceRecord, binary: BinaryRef, version: string): Promise<boolean> {
  try {
    const envelope = envelopeOf(record);
    const isSaid = envelope.version === version && envelope.binary?.sha256 === binary.sha256;
    return isSaid && (await root.manager.digest(record.version)) === binary.sha256;
  } catch (error) {
    if (hasReason(error, "STORE_CORRUPT", "VERSION_NOT_FOUND")) {
      return false;
    }
    throw error;
  }
}

async function binaryOf(file: string): Promise<BinaryRef> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) {
    hash.update(chunk);
  }
  return { sha256: hash.digest("hex"), sizeBytes: (await stat(file)).size };
}

async function copyToBlobs(root: Root, { binary, programFile }: OwnVersion): Promise<void> {
  if (await root.blobs.isIntact(binary)) {
    return;
  }
  await using blob = await root.blobs.begin(binary);
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(programFile)) {
    hash.update(chunk);
    await blob.write(chunk);
  }
  if (hash.digest("hex") !== binary.sha256) {
    throw new NodeError("DIGEST_MISMATCH", `${programFile} was changed while it was copied`);
  }
  await blob.commit();
}
