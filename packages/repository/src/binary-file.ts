import { createHash } from "node:crypto";
import { constants, type FileHandle, open } from "node:fs/promises";
import { type BinaryRef, isErrno, NodeError } from "@nodemanager/core";
import { readChunks } from "./chunks.ts";

/** A file that is to be published. */
export class BinaryFile implements AsyncDisposable {
  readonly #handle: FileHandle;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** @throws NodeError `INVALID_ARGUMENT` when there is no such file, or it is not regular or not readable */
  static async open(path: string): Promise<BinaryFile> {
    let handle: FileHandle;
    try {
      handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (error) {
      const why = isErrno(error, "ENOENT") ? "there is no such file" : "it cannot be read";
      throw new NodeError("INVALID_ARGUMENT", `${path}: ${why}`, { cause: error });
    }
    if (!(await handle.stat()).isFile()) {
      await handle.close();
      throw new NodeError("INVALID_ARGUMENT", `${path}: it is not a regular file`);
    }
    return new BinaryFile(handle);
  }

  /** Reads all of it. */
  async ref(signal?: AbortSignal): Promise<BinaryRef> {
    const hash = createHash("sha256");
    let sizeBytes = 0;
    for await (const chunk of this.read(0, signal)) {
      hash.update(chunk);
      sizeBytes += chunk.length;
    }
    return { sha256: hash.digest("hex"), sizeBytes };
  }

  read(offset: number, signal?: AbortSignal): AsyncIterable<Uint8Array> {
    return readChunks(this.#handle, { offset, signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}
