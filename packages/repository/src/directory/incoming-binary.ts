import { createHash } from "node:crypto";
import { constants, type FileHandle, open, readdir, rename, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { type BinaryRef, isErrno, NodeError, newId } from "@nodemanager/core";
import { readChunks } from "../chunks.ts";
import { digestMismatch, shortDigest, sizeMismatch } from "../digest.ts";
import { syncDir } from "./durable-file.ts";
import type { RepositoryDir } from "./repository-dir.ts";

// An upload that wrote nothing for so long has crashed: a living one is broken off earlier when it stalls.
const CRASHED_AFTER_MS = 60_000;

/**
 * A binary that is being uploaded.
 *
 * Between uploads its bytes are in `binaries/.incoming-<digest>`. An upload takes them by renaming that file to a name of
 * its own, so that several uploads of the same binary never write to one file and nothing is ever locked; when it breaks
 * off it puts the file back. What a crashed upload had is found under its own name and put back after a minute.
 */
export class IncomingBinary implements AsyncDisposable {
  readonly #dir: RepositoryDir;
  readonly #ref: BinaryRef;
  readonly #handle: FileHandle;
  readonly #path: string;
  readonly #hash = createHash("sha256");
  #written = 0;
  #settled = false;

  private constructor(dir: RepositoryDir, ref: BinaryRef, handle: FileHandle, path: string) {
    this.#dir = dir;
    this.#ref = ref;
    this.#handle = handle;
    this.#path = path;
  }

  /**
   * Continues an upload at an offset, or begins one.
   *
   * @throws NodeError `INVALID_ARGUMENT` when less than the offset is there
   */
  static async take(dir: RepositoryDir, ref: BinaryRef, offset: number): Promise<IncomingBinary> {
    await putBackCrashed(dir, ref.sha256);
    const path = `${partialPath(dir, ref.sha256)}.${newId()}`;
    try {
      await rename(partialPath(dir, ref.sha256), path);
    } catch (error) {
      if (!isErrno(error, "ENOENT")) {
        throw error;
      }
    }
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o666);
    const incoming = new IncomingBinary(dir, ref, handle, path);
    try {
      await incoming.#continueAt(offset);
    } catch (error) {
      await incoming[Symbol.asyncDispose]();
      throw error;
    }
    return incoming;
  }

  /** How much of a binary is there and can be continued. */
  static async received(dir: RepositoryDir, sha256: string): Promise<number> {
    await putBackCrashed(dir, sha256);
    try {
      return (await stat(partialPath(dir, sha256))).size;
    } catch (error) {
      if (isErrno(error, "ENOENT")) {
        return 0;
      }
      throw error;
    }
  }

  /** @throws NodeError `SIZE_MISMATCH` when it becomes more than was announced; nothing is kept then */
  async write(chunk: Uint8Array): Promise<void> {
    if (this.#written + chunk.length > this.#ref.sizeBytes) {
      await this.#discard();
      throw sizeMismatch(this.#ref, "more");
    }
    this.#hash.update(chunk);
    for (let done = 0; done < chunk.length; ) {
      const { bytesWritten } = await this.#handle.write(chunk, done, chunk.length - done, this.#written);
      done += bytesWritten;
      this.#written += bytesWritten;
    }
  }

  /**
   * Makes the binary visible, durably.
   *
   * @throws NodeError `SIZE_MISMATCH` when the bytes end too early, and they are kept
   * @throws NodeError `DIGEST_MISMATCH` when they are not what was announced, and nothing is kept
   */
  async commit(): Promise<void> {
    if (this.#written < this.#ref.sizeBytes) {
      throw sizeMismatch(this.#ref, String(this.#written));
    }
    const actual = this.#hash.digest("hex");
    if (actual !== this.#ref.sha256) {
      await this.#discard();
      throw digestMismatch(this.#ref, actual);
    }
    await this.#handle.chmod(0o444);
    await this.#handle.sync();
    await rename(this.#path, join(this.#dir.blobs, this.#ref.sha256));
    this.#settled = true;
    await syncDir(this.#dir.blobs);
    await syncDir(this.#dir.binaries);
  }

  /** Keeps what has arrived for the next upload, unless it was committed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
    if (this.#settled) {
      return;
    }
    this.#settled = true;
    await (this.#written > 0 ? rename(this.#path, partialPath(this.#dir, this.#ref.sha256)) : unlink(this.#path));
  }

  async #continueAt(offset: number): Promise<void> {
    for await (const chunk of readChunks(this.#handle, { offset: 0 })) {
      const wanted = chunk.subarray(0, offset - this.#written);
      this.#hash.update(wanted);
      this.#written += wanted.length;
      if (this.#written === offset) {
        break;
      }
    }
    if (this.#written < offset) {
      throw new NodeError(
        "INVALID_ARGUMENT",
        `of binary ${shortDigest(this.#ref.sha256)} only ${this.#written} bytes are there, so it cannot be continued at ${offset}`,
        { metadata: { receivedBytes: String(this.#written), offsetBytes: String(offset) } },
      );
    }
    await this.#handle.truncate(offset);
  }

  async #discard(): Promise<void> {
    this.#settled = true;
    await unlink(this.#path);
  }
}

function partialPath(dir: RepositoryDir, sha256: string): string {
  return join(dir.binaries, `.incoming-${sha256}`);
}

async function putBackCrashed(dir: RepositoryDir, sha256: string): Promise<void> {
  const prefix = `.incoming-${sha256}.`;
  for (const name of await namesIn(dir.binaries)) {
    if (!name.startsWith(prefix)) {
      continue;
    }
    const path = join(dir.binaries, name);
    try {
      if (Date.now() - (await stat(path)).mtimeMs > CRASHED_AFTER_MS) {
        await rename(path, partialPath(dir, sha256));
      }
    } catch (error) {
      // Its upload ended meanwhile, or somebody else put it back.
      if (!isErrno(error, "ENOENT")) {
        throw error;
      }
    }
  }
}

async function namesIn(dir: string): Promise<readonly string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (isErrno(error, "ENOENT")) {
      return [];
    }
    throw error;
  }
}
