import { invalidPackage } from "./invalid-package.ts";
import { type ReadArchiveOptions, readArchive } from "./read-archive.ts";

/** What was found in an archive that can be unpacked. */
export interface ArchiveSummary {
  readonly files: number;
  readonly directories: number;
  /** Of all files together. */
  readonly sizeBytes: number;
}

/**
 * Reads a whole archive and makes nothing: what passes here can be unpacked by whoever has the same rules and the space.
 *
 * @param o.program - the path of a file in it that must be there and be executable
 * @throws NodeError as {@link readArchive}; `INVALID_PACKAGE` without the program
 */
export async function checkArchive(
  source: AsyncIterable<Uint8Array>,
  o: ReadArchiveOptions & { readonly program?: string | undefined },
): Promise<ArchiveSummary> {
  let files = 0;
  let directories = 0;
  let sizeBytes = 0;
  let executable: boolean | undefined;
  for await (const entry of readArchive(source, o)) {
    if (entry.kind === "directory") {
      directories += 1;
      continue;
    }
    files += 1;
    sizeBytes += entry.sizeBytes;
    if (entry.path.join("/") === o.program) {
      executable = entry.executable;
    }
  }
  if (o.program !== undefined && executable !== true) {
    throw invalidPackage(o.what, executable === undefined ? "is not a file in it" : "is not executable", o.program);
  }
  return { files, directories, sizeBytes };
}
