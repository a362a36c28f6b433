import { checkArchive } from "@nodemanager/archive";
import type { Clock, PackageFormat, PackageRef } from "@nodemanager/core";
import { BinaryFile } from "./binary-file.ts";
import type { BinaryRepository, OnProgress } from "./repository.ts";
import type { TransferTuning } from "./transfer.ts";
import { uploadBinary } from "./upload-binary.ts";

/** A file that is to be a package. */
export interface PackageFile {
  readonly path: string;
  readonly format: PackageFormat;
}

export interface UploadPackageOptions {
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly tuning?: Partial<TransferTuning> | undefined;
}

/**
 * Uploads a package of its own, to be given to an installation. An archive that no node would unpack is refused before
 * anything is sent; how large a package may be unpacked is each node's to say.
 *
 * @throws NodeError `INVALID_ARGUMENT` when the file is not a readable regular file, `INVALID_PACKAGE`, and as
 *   {@link uploadBinary}
 */
export async function uploadPackage(
  to: BinaryRepository,
  file: PackageFile,
  o: UploadPackageOptions = {},
): Promise<PackageRef> {
  await using opened = await BinaryFile.open(file.path);
  const ref = await packageRef(opened, file, { signal: o.signal });
  await uploadBinary({ ...o, to, ref, source: (offset) => opened.read(offset, o.signal) });
  return ref;
}

/**
 * What a package will be called by, once it was found to be one.
 *
 * @param o.program - the path in it of a file that must be there and be executable
 * @throws NodeError `INVALID_PACKAGE`
 */
export async function packageRef(
  opened: BinaryFile,
  { path, format }: PackageFile,
  o: { readonly program?: string | undefined; readonly signal?: AbortSignal | undefined },
): Promise<PackageRef> {
  if (format !== "file") {
    await checkArchive(opened.read(0, o.signal), {
      ...o,
      format,
      what: path,
      maxBytes: Number.MAX_SAFE_INTEGER,
    });
  }
  return { ...(await opened.ref(o.signal)), format };
}
