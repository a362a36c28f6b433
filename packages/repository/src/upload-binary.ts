import { type BinaryRef, type Clock, hasReason, systemClock, throwIfAborted } from "@nodemanager/core";
import { shortDigest } from "./digest.ts";
import type { BinaryRepository, BinaryStat, OnProgress } from "./repository.ts";
import { Retry } from "./retry.ts";
import { StallWatch } from "./stall-watch.ts";
import { defaultTuning, type TransferTuning } from "./transfer.ts";

export interface UploadBinaryOptions {
  readonly to: BinaryRepository;
  readonly ref: BinaryRef;
  /** The bytes from an offset on; asked for again when an upload is taken up again. */
  readonly source: (offset: number) => AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly tuning?: Partial<TransferTuning> | undefined;
}

// Below this, starting over is quicker than finding out what has arrived.
const WORTH_WAITING_FOR_BYTES = 1024 * 1024;
const LOOK_AGAIN_MS = 250;
const LOOKS = 12;

/**
 * Uploads a binary, continuing what an earlier upload left, and taking it up again a few times when it breaks off or
 * stalls. A binary that is there already is not uploaded.
 *
 * @throws NodeError `DIGEST_MISMATCH`, `SIZE_MISMATCH` when the source does not have what `ref` names
 * @throws NodeError `REPOSITORY_UNAVAILABLE`, `DISK_FULL`, `PERMISSION_DENIED`
 * @throws what the source throws
 */
export async function uploadBinary(options: UploadBinaryOptions): Promise<void> {
  throwIfAborted(options.signal);
  const clock = options.clock ?? systemClock;
  const tuning = { ...defaultTuning, ...options.tuning };
  const upload = new Upload({ ...options, tuning, clock });
  const retry = new Retry({ tuning, clock, signal: options.signal });
  for (;;) {
    try {
      await upload.attempt();
      return;
    } catch (error) {
      if (!upload.mayStartOver(error)) {
        await retry.after(error, upload.gainedBytes);
      }
    }
  }
}

/** The state of an upload over several attempts. */
class Upload {
  readonly #options: UploadBinaryOptions & { readonly tuning: TransferTuning; readonly clock: Clock };
  #offset = 0;
  #gainedBytes = 0;
  #sentBytes = 0;
  #startOver = false;

  constructor(options: UploadBinaryOptions & { readonly tuning: TransferTuning; readonly clock: Clock }) {
    this.#options = options;
  }

  /** How much more had arrived when the last attempt began than when the one before did. What was sent may be lost. */
  get gainedBytes(): number {
    return this.#gainedBytes;
  }

  async attempt(): Promise<void> {
    const { to, ref, tuning, clock, signal, onProgress } = this.#options;
    this.#gainedBytes = 0;
    const { binary, receivedBytes } = await this.#stat();
    if (binary?.sizeBytes === ref.sizeBytes) {
      onProgress?.(ref.sizeBytes, ref.sizeBytes);
      return;
    }
    const before = this.#offset;
    this.#offset = this.#startOver ? 0 : Math.min(receivedBytes, ref.sizeBytes);
    this.#gainedBytes = this.#offset - before;
    using watch = new StallWatch({ tuning, clock, what: `uploading binary ${shortDigest(ref.sha256)}`, signal });
    await to.upload(ref, this.#send(watch), { offset: this.#offset, signal: watch.signal });
  }

  /** Whether what an earlier upload left was bad, or is gone by now, so that the whole of it is sent. This helps once. */
  mayStartOver(error: unknown): boolean {
    const startOver = !this.#startOver && this.#offset > 0 && hasReason(error, "DIGEST_MISMATCH", "INVALID_ARGUMENT");
    this.#startOver ||= startOver;
    return startOver;
  }

  /** A repository that has not yet noticed that the last attempt broke off still counts its bytes as that one's. */
  async #stat(): Promise<BinaryStat> {
    const { to, ref, signal, clock } = this.#options;
    const expectedBytes = this.#sentBytes < WORTH_WAITING_FOR_BYTES ? 0 : this.#offset + 1;
    this.#sentBytes = 0;
    for (let looks = 1; ; looks++) {
      const stat = await to.stat(ref.sha256, { signal });
      if (stat.binary || stat.receivedBytes >= expectedBytes || looks === LOOKS) {
        return stat;
      }
      await clock.sleep(LOOK_AGAIN_MS, signal);
    }
  }

  async *#send(watch: StallWatch): AsyncGenerator<Uint8Array, void, undefined> {
    const { source, ref, onProgress } = this.#options;
    for await (const chunk of source(this.#offset)) {
      watch.waiting();
      yield chunk;
      watch.got(chunk.length);
      this.#sentBytes += chunk.length;
      onProgress?.(this.#offset + this.#sentBytes, ref.sizeBytes);
    }
    // For the answer. A repository syncs while it receives, so that little is left to do now.
    watch.waiting();
  }
}
