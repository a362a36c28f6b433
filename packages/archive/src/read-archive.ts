import { NodeError, type PackageFormat, throwIfAborted } from "@nodemanager/core";
import { parseEntryPath } from "./entry-path.ts";
import { EntryTable } from "./entry-table.ts";
import { gunzip } from "./gunzip.ts";
import { invalidPackage } from "./invalid-package.ts";
import { type TarEntry, tarEntries } from "./tar-stream.ts";

/** Something that an archive makes. A directory comes before what is in it, and once. */
export type ArchiveEntry =
  | { readonly kind: "directory"; readonly path: readonly string[] }
  | {
      readonly kind: "file";
      readonly path: readonly string[];
      readonly sizeBytes: number;
      readonly executable: boolean;
      /** To be read before the next entry is asked for, or never. */
      readonly content: AsyncIterable<Uint8Array>;
    };

export interface ReadArchiveOptions {
  readonly format: Exclude<PackageFormat, "file">;
  /** How many bytes the archive may have when it is decompressed. */
  readonly maxBytes: number;
  /** Which package, for messages. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
}

const SET_ID = 0o6000;
const EXECUTABLE = 0o111;

/**
 * What an archive makes, in the order in which it can be made, checked entry by entry and streamed: nothing of it is held
 * but the names.
 *
 * Only regular files and directories; every path leads down; no place is taken twice; nothing has set-user-id or
 * set-group-id. Owners, times and all other attributes are left out. Whatever is wrong with the archive is an error here,
 * and no stream of it says anything later.
 *
 * @throws NodeError `INVALID_PACKAGE` with the metadata `entry` when it is one entry's fault, `TOO_LARGE`, `CANCELLED`;
 *   what the source throws
 */
export async function* readArchive(
  source: AsyncIterable<Uint8Array>,
  o: ReadArchiveOptions,
): AsyncGenerator<ArchiveEntry, void, undefined> {
  const own = new Source(source, o.signal);
  try {
    const tar = o.format === "tar.gz" ? gunzip(own.bytes()) : own.bytes();
    const table = new EntryTable(o.what);
    for await (const entry of tarEntries(tar, o)) {
      throwIfAborted(o.signal);
      const { kind, path } = checkEntry(entry, o.what);
      for (const directory of table.add(path, kind)) {
        yield { kind: "directory", path: directory };
      }
      if (kind === "file") {
        const { header, content } = entry;
        const executable = (header.mode & EXECUTABLE) !== 0;
        yield { kind, path, sizeBytes: header.size, executable, content: guarded(content, own, o.what) };
      }
    }
  } catch (error) {
    throw own.explain(error, o.what);
  }
}

async function* guarded(
  content: AsyncIterable<Uint8Array>,
  own: Source,
  what: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* content;
  } catch (error) {
    throw own.explain(error, what);
  }
}

/** @throws NodeError `INVALID_PACKAGE` */
function checkEntry(
  { header }: TarEntry,
  what: string,
): { readonly kind: "file" | "directory"; readonly path: readonly string[] } {
  const { name, type, mode, size, pax } = header;
  if (type !== "file" && type !== "directory") {
    throw invalidPackage(
      what,
      `is ${type === null ? "of an unknown kind" : `a ${type}`}; only files and directories are taken`,
      name,
    );
  }
  if (isSparse(pax)) {
    throw invalidPackage(what, "is a sparse file; only whole ones are taken", name);
  }
  if (type === "directory" && size !== 0) {
    throw invalidPackage(what, "is a directory with content", name);
  }
  if (type === "file" && (mode & SET_ID) !== 0) {
    throw invalidPackage(what, "has set-user-id or set-group-id", name);
  }
  return { kind: type, path: parseEntryPath(name, type, what) };
}

/** GNU tar keeps what a sparse file lacks in attributes; its content alone is another file. */
function isSparse(pax: unknown): boolean {
  return typeof pax === "object" && pax !== null && Object.keys(pax).some((key) => key.startsWith("GNU.sparse."));
}

/** The bytes of an archive, and whether they or the archive are to blame. */
class Source {
  readonly #source: AsyncIterable<Uint8Array>;
  readonly #signal: AbortSignal | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(source: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined) {
    this.#source = source;
    this.#signal = signal;
  }

  async *bytes(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for await (const chunk of this.#source) {
        throwIfAborted(this.#signal);
        yield chunk;
      }
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }

  /** What the reader of the archive is told about whatever went wrong. */
  explain(error: unknown, what: string): unknown {
    if (this.#failure) {
      return this.#failure.error;
    }
    return error instanceof NodeError
      ? error
      : invalidPackage(what, "is damaged, or in another format", undefined, error);
  }
}
