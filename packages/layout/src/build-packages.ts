import { join } from "node:path";
import { readArchive } from "@nodemanager/archive";
import { isErrno, NodeError, type PackageRef } from "@nodemanager/core";
import { BINARY_MODE, PACKAGE_DIRECTORY_MODE, PACKAGE_FILE_MODE } from "./access.ts";
import type { BlobStore } from "./blob-store.ts";
import type { LayoutContext } from "./context.ts";
import { ARCHIVES, PACKAGES } from "./paths.ts";
import type { StagedTree } from "./staged-tree.ts";

/** Four gibibytes. */
const MAX_PACKAGE_BYTES = 4 * 1024 ** 3;
export interface BuildPackagesOptions {
  /** How many bytes one archive may have when it is decompressed; 4 GiB unless given. */
  readonly maxPackageBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** How much of an archive has been unpacked, as it is packed. */
  readonly onUnpacking?: ((doneBytes: number, goalBytes: number) => void) | undefined;
}

/**
 * Makes the packages of a version: files as they are, archives unpacked, each by its name. The archives stay beside them
 * as further names of their blobs, so that the next version that has one finds it on the node. Without packages nothing is
 * made.
 *
 * @param dir - the version's directory in the tree
 * @throws NodeError `INVALID_PACKAGE`, `TOO_LARGE`, `CANCELLED`; the errno
 */
export async function buildPackages(
  context: LayoutContext,
  stage: StagedTree,
  dir: string,
  packages: Readonly<Record<string, PackageRef>>,
  blobs: BlobStore,
  o: BuildPackagesOptions,
): Promise<void> {
  const found = Object.entries(packages);
  if (found.length === 0) {
    return;
  }
  await stage.directory(join(dir, PACKAGES), PACKAGE_DIRECTORY_MODE);
  if (found.some(([, { format }]) => format !== "file")) {
    await stage.directory(join(dir, ARCHIVES));
  }
  for (const [name, ref] of found) {
    const blob = blobs.path(ref.sha256);
    if (ref.format === "file") {
      await blobs.openUp(ref.sha256);
      await stage.hardLink(join(dir, PACKAGES, name), blob);
      continue;
    }
    await stage.hardLink(join(dir, ARCHIVES, name), blob);
    await stage.directory(join(dir, PACKAGES, name), PACKAGE_DIRECTORY_MODE);
    await unpack(context.fs.readChunks(blob), stage, join(dir, PACKAGES, name), {
      name,
      ref,
      format: ref.format,
      ...o,
    });
  }
}

interface UnpackOptions extends BuildPackagesOptions {
  readonly name: string;
  readonly ref: PackageRef;
  readonly format: "tar" | "tar.gz";
}

async function unpack(
  archive: AsyncIterable<Uint8Array>,
  stage: StagedTree,
  dir: string,
  o: UnpackOptions,
): Promise<void> {
  const { name, format, signal, maxPackageBytes: maxBytes = MAX_PACKAGE_BYTES } = o;
  const what = `package ${name}`;
  try {
    for await (const entry of readArchive(counted(archive, o), { format, what, maxBytes, signal })) {
      const path = join(dir, ...entry.path);
      if (entry.kind === "directory") {
        await stage.directory(path, PACKAGE_DIRECTORY_MODE);
      } else {
        await stage.fileFrom(path, entry.content, entry.executable ? BINARY_MODE : PACKAGE_FILE_MODE);
      }
    }
  } catch (error) {
    // Its names are within bounds; with what comes before them here they need not be.
    if (isErrno(error, "ENAMETOOLONG")) {
      throw new NodeError("INVALID_PACKAGE", `${what}: it has a path that is too long for this node`, { cause: error });
    }
    throw error;
  }
}

async function* counted(
  archive: AsyncIterable<Uint8Array>,
  { ref, onUnpacking }: UnpackOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  let done = 0;
  for await (const chunk of archive) {
    yield chunk;
    done += chunk.length;
    onUnpacking?.(done, ref.sizeBytes);
  }
}
