import { createHash } from "node:crypto";
import { abortable, type BinaryRef, type Clock, NodeError, systemClock, throwIfAborted } from "@nodemanager/core";
import { digestMismatch, shortDigest, sizeMismatch } from "./digest.ts";
import type { BinaryRepository, BlobSink, OnProgress } from "./repository.ts";
import { Retry } from "./retry.ts";
import { StallWatch } from "./stall-watch.ts";
import { defaultTuning, type TransferTuning } from "./transfer.ts";

export interface FetchBinaryOptions {
  readonly from: BinaryRepository;
  /** What it must turn out to be. */
  readonly ref: BinaryRef;
  /** Empty; what was written to it when this fails is of no use. */
  readonly sink: BlobSink;
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly tuning?: Partial<TransferTuning> | undefined;
}

/**
 * Fetches a binary and checks its size and digest on the way. When this returns, the sink has exactly the bytes that
 * `ref` names. A fetch that breaks off or stalls is continued where it was, a few times; at most one chunk is held.
 *
 * @throws NodeError `TOO_LARGE` before anything is fetched
 * @throws NodeError `SIZE_MISMATCH`, `DIGEST_MISMATCH`, `BINARY_NOT_FOUND`, `REPOSITORY_UNAVAILABLE`
 * @throws what the sink throws
 */
export async function fetchBinary(options: FetchBinaryOptions): Promise<void> {
  const { ref, sink, maxBytes, signal, clock = systemClock } = options;
  if (ref.sizeBytes > maxBytes) {
    throw new NodeError(
      "TOO_LARGE",
      `binary ${shortDigest(ref.sha256)} has ${ref.sizeBytes} bytes, more than the ${maxBytes} that are allowed here`,
      { metadata: { sizeBytes: String(ref.sizeBytes), limitBytes: String(maxBytes) } },
    );
  }
  if (sink.written > 0) {
    throw new NodeError("INVALID_ARGUMENT", "a binary is fetched to an empty sink");
  }
  throwIfAborted(signal);
  const tuning = { ...defaultTuning, ...options.tuning };
  const retry = new Retry({ tuning, clock, signal });
  const fetch = new Fetch({ ...options, tuning, clock });
  for (;;) {
    const before = fetch.doneBytes;
    try {
      if (await fetch.attempt()) {
        return;
      }
    } catch (error) {
      await retry.after(error, fetch.doneBytes - before);
    }
  }
}

/** The state of a fetch over several attempts. */
class Fetch {
  readonly #options: FetchBinaryOptions & { readonly tuning: TransferTuning; readonly clock: Clock };
  readonly #ref: BinaryRef;
  readonly #hash = createHash("sha256");
  #doneBytes = 0;

  constructor(options: FetchBinaryOptions & { readonly tuning: TransferTuning; readonly clock: Clock }) {
    this.#options = options;
    this.#ref = options.ref;
  }

  get doneBytes(): number {
    return this.#doneBytes;
  }

  /**
   * Fetches from where the last attempt broke off.
   *
   * @returns whether all of it is there and right
   * @throws NodeError `REPOSITORY_UNAVAILABLE` when another attempt may bring more
   */
  async attempt(): Promise<boolean> {
    const { from, tuning, clock, signal } = this.#options;
    const what = `fetching binary ${shortDigest(this.#ref.sha256)}`;
    using watch = new StallWatch({ tuning, clock, what, signal });
    const offset = this.#doneBytes;
    const chunks = from.open(this.#ref.sha256, { offset, signal: watch.signal })[Symbol.asyncIterator]();
    try {
      for (;;) {
        watch.waiting();
        const next = await abortable(chunks.next(), watch.signal);
        watch.got(next.done ? 0 : next.value.length);
        if (next.done) {
          break;
        }
        if (await this.#take(next.value)) {
          return true;
        }
      }
    } finally {
      // Not waited for: a source that hangs would hang here too.
      Promise.resolve(chunks.return?.()).catch(() => {});
    }
    if (this.#doneBytes === this.#ref.sizeBytes) {
      if (this.#isRight()) {
        return true;
      }
      throw digestMismatch(this.#ref, this.#digest());
    }
    if (this.#doneBytes === offset) {
      // Nothing was cut off: the repository has no more.
      throw sizeMismatch(this.#ref, String(this.#doneBytes));
    }
    throw new NodeError("REPOSITORY_UNAVAILABLE", `${what} ended after ${this.#doneBytes} bytes`);
  }

  /** @returns whether that was the last chunk; when the digest is wrong, more may tell whether the size is too */
  async #take(chunk: Uint8Array): Promise<boolean> {
    const doneBytes = this.#doneBytes + chunk.length;
    if (doneBytes > this.#ref.sizeBytes) {
      throw sizeMismatch(this.#ref, "more");
    }
    // The disk works while the digest is computed.
    const written = this.#options.sink.write(chunk);
    this.#hash.update(chunk);
    await written;
    this.#doneBytes = doneBytes;
    this.#options.onProgress?.(doneBytes, this.#ref.sizeBytes);
    return chunk.length > 0 && doneBytes === this.#ref.sizeBytes && this.#isRight();
  }

  #isRight(): boolean {
    return this.#digest() === this.#ref.sha256;
  }

  #digest(): string {
    return this.#hash.copy().digest("hex");
  }
}
