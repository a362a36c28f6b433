import { type ArchiveEntry, type ReadArchiveOptions, readArchive } from "@nodemanager/archive";
import { NodeError } from "@nodemanager/core";

/** Bytes in pieces of a size. */
export async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    yield bytes.subarray(at, at + size);
  }
}

/** Reads an archive, a plain one of at most 16 MiB unless told otherwise. */
export function read(
  archive: Uint8Array | AsyncIterable<Uint8Array>,
  o: Partial<ReadArchiveOptions> = {},
): AsyncIterable<ArchiveEntry> {
  const source = archive instanceof Uint8Array ? inPieces(archive, 65_536) : archive;
  return readArchive(source, { format: "tar", maxBytes: 16 * 1024 * 1024, what: "package web", ...o });
}

/** What an archive makes, a line each: directories end with a slash, programs with an asterisk, then the size. */
export async function contents(
  archive: Uint8Array | AsyncIterable<Uint8Array>,
  o: Partial<ReadArchiveOptions> = {},
): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of read(archive, o)) {
    const path = entry.path.join("/");
    if (entry.kind === "directory") {
      found.push(`${path}/`);
      continue;
    }
    let bytes = 0;
    for await (const chunk of entry.content) {
      bytes += chunk.length;
    }
    found.push(`${path}${entry.executable ? "*" : ""} ${bytes}`);
  }
  return found;
}

/** The error with which reading an archive fails. */
export async function failure(
  archive: Uint8Array | AsyncIterable<Uint8Array>,
  o: Partial<ReadArchiveOptions> = {},
): Promise<NodeError> {
  const error = await contents(archive, o).then(
    (found) => new Error(`it was read: ${found.join(", ")}`),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof NodeError)) {
    throw error;
  }
  return error;
}
