import { join } from "node:path";
import {
  type BinaryRef,
  binariesOf,
  type Envelope,
  effectivePackages,
  encodeEnvelope,
  NodeError,
  type PackageRef,
} from "@nodemanager/core";
import { PASSABLE } from "./access.ts";
import type { BlobStore } from "./blob-store.ts";
import { type BuildPackagesOptions, buildPackages } from "./build-packages.ts";
import type { LayoutContext } from "./context.ts";
import { encodeDocument } from "./document.ts";
import { PREVIOUS, previousVersionTarget, programPath } from "./paths.ts";
import { readHead, requireProgram } from "./program-file.ts";
import type { StagedTree } from "./staged-tree.ts";

/** What is in a version's directory. */
export interface VersionContent {
  readonly envelope: Envelope;
  readonly origin: string;
  /** The name of the version's directory that a revert goes back to. */
  readonly previous?: string | undefined;
  /** The installation's own packages; win over the envelope's. */
  readonly packages?: Readonly<Record<string, PackageRef>> | undefined;
  readonly build?: BuildOptions | undefined;
}

/** How a version is built. */
export interface BuildOptions extends BuildPackagesOptions {
  /** Looks at the first bytes of the program before the version appears; it does not appear when this throws. */
  readonly checkProgram?: ((head: Uint8Array) => Promise<void>) | undefined;
}

/**
 * Builds a version in a directory of a staged tree; it appears when the tree does.
 *
 * @param dir - where in the tree; empty for the tree itself
 * @throws NodeError `INVALID_PACKAGE`, `TOO_LARGE`, `CANCELLED`; what `checkProgram` throws
 */
export async function buildVersion(
  context: LayoutContext,
  stage: StagedTree,
  dir: string,
  { envelope, origin, packages, previous, build = {} }: VersionContent,
  blobs: BlobStore,
): Promise<void> {
  // Whoever may enter the installation may run what is in it; its documents are the manager's alone.
  await stage.setAccess(dir, { mode: PASSABLE });
  await stage.file(join(dir, "envelope.json"), encodeDocument(encodeEnvelope(envelope)));
  await stage.file(join(dir, "origin.json"), encodeDocument({ origin }));
  if (envelope.binary) {
    await blobs.openUp(envelope.binary.sha256);
    await stage.hardLink(join(dir, "bin"), blobs.path(envelope.binary.sha256));
  }
  if (previous !== undefined) {
    await stage.symlink(join(dir, PREVIOUS), previousVersionTarget(previous));
  }
  await buildPackages(context, stage, dir, effectivePackages(envelope, packages), blobs, build);
  const program = programPath(join(stage.dir, dir), envelope);
  if (envelope.command !== undefined) {
    await requireProgram(context, program, envelope.command);
  }
  await build.checkProgram?.(await readHead(context, program));
}

/**
 * Checks that everything that a version is made from is on this node.
 *
 * @throws NodeError `BINARY_NOT_FOUND`, `SIZE_MISMATCH`, `INVALID_ARGUMENT` for a digest that is none
 */
export async function requireBlobs(
  blobs: BlobStore,
  { envelope, packages }: Pick<VersionContent, "envelope" | "packages">,
): Promise<void> {
  for (const ref of binariesOf({ ...envelope, packages: effectivePackages(envelope, packages) })) {
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
