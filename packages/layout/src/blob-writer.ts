import { dirname } from "node:path";
import { type BinaryRef, isErrno, NodeError } from "@nodemanager/core";
import { BINARY_MODE } from "./access.ts";
import type { LayoutContext } from "./context.ts";
import type { NewFile } from "./fs-ops.ts";

/** One blob while it is written. Disposing it before {@link commit} has returned removes what was written. */
export class BlobWriter implements AsyncDisposable {
  readonly #context: LayoutContext;
  readonly #ref: BinaryRef;
  readonly #file: NewFile;
  readonly #temporary: string;
  readonly #place: string;
  readonly #clear: () => Promise<void>;
  #written = 0;
  #done = false;

  /** Made by `BlobStore.begin`. */
  constructor(
    context: LayoutContext,
    o: { ref: BinaryRef; file: NewFile; temporary: string; place: string; clear: () => Promise<void> },
  ) {
    this.#context = context;
    this.#ref = o.ref;
    this.#file = o.file;
    this.#temporary = o.temporary;
    this.#place = o.place;
    this.#clear = o.clear;
  }

  /** How many bytes so far. */
  get written(): number {
    return this.#written;
  }

  /**
   * Appends.
   *
   * @throws NodeError `TOO_LARGE` beyond the size that was announced, `DISK_FULL`
   */
  async write(chunk: Uint8Array): Promise<void> {
    if (this.#written + chunk.length > this.#ref.sizeBytes) {
      throw new NodeError("TOO_LARGE", `binary ${this.#ref.sha256} has more than its ${this.#ref.sizeBytes} bytes`);
    }
    await this.#context.attempt(`storing binary ${this.#ref.sha256}`, () => this.#file.write(chunk));
    this.#written += chunk.length;
  }

  /**
   * Puts the blob in its place, durably. The caller has checked the digest.
   *
   * Order: mode, fsync, close, rename, fsync of the directory.
   *
   * @throws NodeError `SIZE_MISMATCH`, `DISK_FULL`, `READ_ONLY`
   */
  async commit(): Promise<void> {
    const { fs } = this.#context;
    if (this.#written !== this.#ref.sizeBytes) {
      throw new NodeError(
        "SIZE_MISMATCH",
        `binary ${this.#ref.sha256} has ${this.#written} bytes instead of ${this.#ref.sizeBytes}`,
      );
    }
    await this.#context.attempt(`storing binary ${this.#ref.sha256}`, async () => {
      await this.#file.setMode(BINARY_MODE);
      await this.#file.sync();
      await this.#file.close();
      try {
        await fs.rename(this.#temporary, this.#place);
      } catch (error) {
        // A file there, even a damaged one, is replaced by the rename itself; a directory is not.
        if (!isErrno(error, "EISDIR", "ENOTEMPTY", "EEXIST")) {
          throw error;
        }
        await this.#clear();
        await fs.rename(this.#temporary, this.#place);
      }
      this.#done = true;
      await fs.syncDir(dirname(this.#place));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#done) {
      return;
    }
    this.#done = true;
    await this.#context.bestEffort("removing an unfinished binary", async () => {
      await this.#file.close();
      await this.#context.fs.unlink(this.#temporary);
    });
  }
}
