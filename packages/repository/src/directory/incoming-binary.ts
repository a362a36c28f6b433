import { createHash } from "node:crypto";
import { constants, type FileHandle, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { type BinaryRef, NodeError, newId } from "@nodemanager/core";
import { readChunks } from "../chunks.ts";
import { digestMismatch, shortDigest, sizeMismatch } from "../digest.ts";
import { renameIfThere, sizeIfThere, syncDir } from "./durable-file.ts";
import { findPartial, IDLE_AFTER_MS, partialPath } from "./partial-binary.ts";
import type { RepositoryDir } from "./repository-dir.ts";

// Whoever paused for longer looks whether his file was taken before he writes again.
const LOOKS_AFTER_MS = IDLE_AFTER_MS / 2;

// While the next bytes come: the last sync, for which the publisher waits, then has little left to do.
const SYNC_EVERY_BYTES = 32 * 1024 * 1024;

/**
 * A binary that is being uploaded.
 *
 * Between uploads its bytes are in `binaries/.incoming-<digest>`. An upload takes them by renaming that file to a name of
 * its own, so that several uploads of the same binary never write to one file and nothing is ever locked; when it breaks
 * off it puts the file back. From an upload that crashed, or hangs on a dead connection, the next one takes the file too.
 */
export class IncomingBinary implements AsyncDisposable {
  readonly #dir: RepositoryDir;
  readonly #ref: BinaryRef;
  readonly #handle: FileHandle;
  readonly #path: string;
  readonly #hash = createHash("sha256");
  #written = 0;
  #wroteAtMs = performance.now();
  #settled = false;
  #syncing = Promise.resolve();
  #syncedBytes = 0;

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
    const path = `${partialPath(dir, ref.sha256)}.${newId()}`;
    const partial = await findPartial(dir, ref.sha256);
    if (partial) {
      await renameIfThere(partial.path, path);
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

  /**
   * @throws NodeError `SIZE_MISMATCH` when it becomes more than was announced; nothing is kept then
   * @throws NodeError `REPOSITORY_UNAVAILABLE` when another upload took the file during a pause
   */
  async write(chunk: Uint8Array): Promise<void> {
    if (this.#written + chunk.length > this.#ref.sizeBytes) {
      await this.#discard();
      throw sizeMismatch(this.#ref, "more");
    }
    if (performance.now() - this.#wroteAtMs > LOOKS_AFTER_MS) {
      await this.#checkOwned();
    }
    this.#hash.update(chunk);
    for (let done = 0; done < chunk.length; ) {
      const { bytesWritten } = await this.#handle.write(chunk, done, chunk.length - done, this.#written);
      done += bytesWritten;
      this.#written += bytesWritten;
    }
    this.#wroteAtMs = performance.now();
    if (this.#written - this.#syncedBytes >= SYNC_EVERY_BYTES) {
      await this.#syncing;
      this.#syncedBytes = this.#written;
      this.#syncing = this.#handle.datasync();
      // A failure is reported by whoever waits for it next.
      this.#syncing.catch(() => {});
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
    await this.#checkOwned();
    await this.#syncing;
    await this.#handle.chmod(0o444);
    await this.#handle.sync();
    await rename(this.#path, join(this.#dir.blobs, this.#ref.sha256));
    this.#settled = true;
    await rm(partialPath(this.#dir, this.#ref.sha256), { force: true });
    await syncDir(this.#dir.blobs);
    await syncDir(this.#dir.binaries);
  }

  /** Keeps what has arrived for the next upload, unless it was committed or something longer is kept already. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#syncing.catch(() => {});
    await this.#handle.close();
    if (this.#settled) {
      return;
    }
    this.#settled = true;
    const resting = partialPath(this.#dir, this.#ref.sha256);
    if (this.#written > ((await sizeIfThere(resting)) ?? 0)) {
      await renameIfThere(this.#path, resting);
    } else {
      await rm(this.#path, { force: true });
    }
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

  async #checkOwned(): Promise<void> {
    if ((await sizeIfThere(this.#path)) === undefined) {
      throw new NodeError("REPOSITORY_UNAVAILABLE", "another upload of the same binary has taken over; try again");
    }
  }

  async #discard(): Promise<void> {
    this.#settled = true;
    await rm(this.#path, { force: true });
  }
}
