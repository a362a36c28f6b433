import { unlink } from "node:fs/promises";
import { join } from "node:path";
import { type BinaryRef, isErrno, NodeError, throwIfAborted } from "@nodemanager/core";
import { readChunks } from "../chunks.ts";
import { binaryNotFound, checkSha256 } from "../digest.ts";
import type { BinaryRepository, BinaryStat, CallOptions, OpenOptions, UploadOptions } from "../repository.ts";
import { openRegularFile, syncDir } from "./durable-file.ts";
import { IncomingBinary } from "./incoming-binary.ts";
import { findPartial } from "./partial-binary.ts";
import type { RepositoryDir } from "./repository-dir.ts";
import { repositoryError } from "./repository-error.ts";

/** The binaries of a repository's directory: one file each, named by its digest. */
export class DirectoryBinaries implements BinaryRepository {
  readonly #dir: RepositoryDir;

  constructor(dir: RepositoryDir) {
    this.#dir = dir;
  }

  async stat(sha256: string, options: CallOptions = {}): Promise<BinaryStat> {
    throwIfAborted(options.signal);
    return await this.#guard("looking for", sha256, async () => {
      if (await this.#dir.isNew()) {
        return { receivedBytes: 0 };
      }
      await this.#dir.forReading();
      const sizeBytes = await this.#size(sha256);
      return sizeBytes === undefined
        ? { receivedBytes: (await findPartial(this.#dir, sha256))?.sizeBytes ?? 0 }
        : { binary: { sha256, sizeBytes }, receivedBytes: 0 };
    });
  }

  async *open(sha256: string, options: OpenOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    const offset = checkOffset(options.offset);
    await using handle = await this.#guard("opening", sha256, async () => {
      await this.#dir.forReading();
      return await openRegularFile(this.#path(sha256));
    });
    if (!handle) {
      throw binaryNotFound(sha256);
    }
    try {
      const { size } = await handle.stat();
      if (offset > size) {
        throw new NodeError("INVALID_ARGUMENT", `binary ${sha256} ends at ${size}, before the offset ${offset}`);
      }
      yield* readChunks(handle, { offset, signal: options.signal });
    } catch (error) {
      throw repositoryError(error, `reading binary ${sha256}`);
    }
  }

  async upload(ref: BinaryRef, chunks: AsyncIterable<Uint8Array>, options: UploadOptions = {}): Promise<void> {
    const offset = checkOffset(options.offset);
    throwIfAborted(options.signal);
    await this.#guard("writing", ref.sha256, async () => {
      await this.#dir.forWriting();
      if ((await this.#size(ref.sha256)) === ref.sizeBytes) {
        return;
      }
      await using incoming = await IncomingBinary.take(this.#dir, ref, offset);
      for await (const chunk of chunks) {
        throwIfAborted(options.signal);
        await incoming.write(chunk);
      }
      // An aborted stream may just end.
      throwIfAborted(options.signal);
      await incoming.commit();
    });
  }

  async delete(sha256: string, options: CallOptions = {}): Promise<void> {
    throwIfAborted(options.signal);
    await this.#guard("deleting", sha256, async () => {
      await this.#dir.forReading();
      try {
        await unlink(this.#path(sha256));
      } catch (error) {
        throw isErrno(error, "ENOENT") ? binaryNotFound(sha256) : error;
      }
      await syncDir(this.#dir.blobs);
    });
  }

  #path(sha256: string): string {
    return join(this.#dir.blobs, checkSha256(sha256));
  }

  async #size(sha256: string): Promise<number | undefined> {
    await using handle = await openRegularFile(this.#path(sha256));
    return (await handle?.stat())?.size;
  }

  async #guard<T>(doing: string, sha256: string, work: () => Promise<T>): Promise<T> {
    checkSha256(sha256);
    try {
      return await work();
    } catch (error) {
      throw repositoryError(error, `${doing} binary ${sha256}`);
    }
  }
}

function checkOffset(offset: number = 0): number {
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw new NodeError("INVALID_ARGUMENT", `an offset is a number of bytes, not ${offset}`);
  }
  return offset;
}
