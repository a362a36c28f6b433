import { join } from "node:path";
import { type BinaryRef, isErrno, NodeError } from "@nodemanager/core";
import { BINARY_MODE } from "./access.ts";
import { BlobWriter } from "./blob-writer.ts";
import { boundedMap } from "./bounded-map.ts";
import { INCOMING, type LayoutContext } from "./context.ts";
import { makeDirectories } from "./directories.ts";
import { isSha256 } from "./paths.ts";
import { quarantine } from "./quarantine.ts";
import { retire } from "./retire.ts";

/** What stays free for what the manager has to write down about what it does. */
const RESERVE_BYTES = 4 * 1024 * 1024;

/**
 * The binaries of a root, each once, by the SHA-256 of its bytes. A version has a hard link to its binary, so that
 * retiring a blob takes nothing from the versions that have it.
 */
export class BlobStore {
  readonly #context: LayoutContext;
  readonly #root: string;
  readonly #dir: string;

  constructor(context: LayoutContext, root: string) {
    this.#context = context;
    this.#root = root;
    this.#dir = join(root, "blobs", "sha256");
  }

  /**
   * How many bytes a committed blob has; undefined if there is none.
   *
   * @throws NodeError `INVALID_ARGUMENT` if that is no digest
   */
  async size(sha256: string): Promise<number | undefined> {
    const file = this.path(sha256);
    return await this.#context.attempt("looking for a binary", async () => {
      try {
        const stat = await this.#context.fs.stat(file);
        return stat.kind === "file" ? stat.sizeBytes : undefined;
      } catch (error) {
        if (isErrno(error, "ENOENT")) {
          return undefined;
        }
        throw error;
      }
    });
  }

  /**
   * Whether a blob is there with just the bytes that it is named by. An application that runs as the manager's own user
   * can change a file that it has a link to.
   *
   * @throws NodeError `INVALID_ARGUMENT` if that is no digest
   */
  async isIntact(ref: BinaryRef): Promise<boolean> {
    if ((await this.size(ref.sha256)) !== ref.sizeBytes) {
      return false;
    }
    const file = this.path(ref.sha256);
    return await this.#context.attempt("checking a binary", async () => {
      try {
        return (await this.#context.fs.sha256(file)) === ref.sha256;
      } catch (error) {
        if (isErrno(error, "ENOENT")) {
          return false;
        }
        throw error;
      }
    });
  }

  /**
   * Begins to write a blob, out of sight.
   *
   * @throws NodeError `INVALID_ARGUMENT`, `DISK_FULL`, `READ_ONLY`, `ROOT_NOT_WRITABLE`
   */
  async begin(ref: BinaryRef): Promise<BlobWriter> {
    const place = this.path(ref.sha256);
    return await this.#context.attempt(`storing binary ${ref.sha256}`, async () => {
      const temporary = join(this.#dir, INCOMING + this.#context.uniqueName());
      const file = await this.#context.fs.createFile(temporary, 0o600);
      return new BlobWriter(this.#context, { ref, file, temporary, place, clear: () => this.#clear(place) });
    });
  }

  /**
   * Removes a blob; versions keep theirs. Nothing happens if there is none.
   *
   * @throws NodeError `INVALID_ARGUMENT`, `DISK_FULL`, `READ_ONLY`, `ROOT_NOT_WRITABLE`
   */
  async retire(sha256: string): Promise<void> {
    const file = this.path(sha256);
    await this.#context.attempt(`removing binary ${sha256}`, async () => {
      try {
        await retire(this.#context, file);
      } catch (error) {
        if (!isErrno(error, "ENOENT")) {
          throw error;
        }
      }
    });
  }

  /** Every blob, with whether a version links to it. One that is not used may be about to be. */
  async *list(): AsyncIterable<BinaryRef & { readonly isUsed: boolean }> {
    const entries = await this.#context.attempt("listing the binaries", () => this.#context.fs.readdir(this.#dir));
    const digests = entries.filter(({ kind, name }) => kind === "file" && isSha256(name)).map(({ name }) => name);
    for await (const blob of boundedMap(digests, (sha256) => this.#look(sha256))) {
      if (blob) {
        yield blob;
      }
    }
  }

  /**
   * Removes a blob if no version links to it. Whoever calls it keeps those away who are about to link to it.
   *
   * @returns whether it was removed
   * @throws NodeError `INVALID_ARGUMENT`, `DISK_FULL`, `READ_ONLY`, `ROOT_NOT_WRITABLE`
   */
  async retireUnused(sha256: string): Promise<boolean> {
    const file = this.path(sha256);
    return await this.#context.attempt(`removing binary ${sha256}`, async () => {
      const blob = await this.#look(sha256);
      if (!blob || blob.isUsed) {
        return false;
      }
      await retire(this.#context, file);
      return true;
    });
  }

  /**
   * Checks that so many bytes can be stored, and something beside them.
   *
   * @throws NodeError `DISK_FULL` with the metadata `neededBytes` and `freeBytes`
   */
  async requireSpace(bytes: number): Promise<void> {
    await this.#context.attempt("looking for free space", async () => {
      const free = await this.#context.fs.freeBytes(this.#dir);
      if (free < bytes + RESERVE_BYTES) {
        throw new NodeError(
          "DISK_FULL",
          `${bytes} bytes are to be stored, and ${free} are free, of which ${RESERVE_BYTES} are to stay so`,
          { metadata: { neededBytes: String(bytes), freeBytes: String(free) } },
        );
      }
    });
  }

  /** Lets whoever can reach it run a blob that an earlier manager has made for its own user. */
  async openUp(sha256: string): Promise<void> {
    const file = this.path(sha256);
    if ((await this.#context.fs.stat(file)).mode !== BINARY_MODE) {
      await this.#context.fs.setMode(file, BINARY_MODE);
    }
  }

  /** Makes the directory for blobs if it is missing. */
  async prepare(): Promise<void> {
    await makeDirectories(this.#context, this.#dir);
  }

  /** Where a blob is, or would be. */
  path(sha256: string): string {
    if (!isSha256(sha256)) {
      throw new NodeError("INVALID_ARGUMENT", `not a SHA-256 digest: ${JSON.stringify(sha256)}`);
    }
    return join(this.#dir, sha256);
  }

  async #look(sha256: string): Promise<(BinaryRef & { readonly isUsed: boolean }) | undefined> {
    return await this.#context.attempt(`looking at binary ${sha256}`, async () => {
      try {
        const { links, sizeBytes } = await this.#context.fs.stat(this.path(sha256));
        return { sha256, sizeBytes, isUsed: links > 1 };
      } catch (error) {
        if (isErrno(error, "ENOENT")) {
          return undefined;
        }
        throw error;
      }
    });
  }

  /** Gets what is no file out of a blob's place. */
  async #clear(place: string): Promise<void> {
    if ((await this.#context.fs.stat(place)).kind !== "file") {
      await quarantine(this.#context, this.#root, place);
    }
  }
}
