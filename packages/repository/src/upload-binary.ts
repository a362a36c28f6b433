import { type BinaryRef, type Clock, hasReason, systemClock, throwIfAborted } from "@nodemanager/core";
import { shortDigest } from "./digest.ts";
import type { BinaryRepository, OnProgress } from "./repository.ts";
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

/**
 * Uploads a binary, continuing what an earlier upload left, and taking it up again a few times when it breaks off or
 * stalls. A binary that is there already is not uploaded.
 *
 * @throws NodeError `DIGEST_MISMATCH`, `SIZE_MISMATCH` when the source does not have what `ref` names
 * @throws NodeError `REPOSITORY_UNAVAILABLE`, `DISK_FULL`, `PERMISSION_DENIED`
 * @throws what the source throws
 */
export async function uploadBinary(options: UploadBinaryOptions): Promise<void> {
  const { to, ref, signal, onProgress, clock = systemClock } = options;
  const tuning = { ...defaultTuning, ...options.tuning };
  const retry = new Retry({ tuning, clock, signal });
  let startedOver = false;
  let lastOffset = 0;
  throwIfAborted(signal);
  for (;;) {
    let offset = 0;
    try {
      const { binary, receivedBytes } = await to.stat(ref.sha256, { signal });
      if (binary?.sizeBytes === ref.sizeBytes) {
        onProgress?.(ref.sizeBytes, ref.sizeBytes);
        return;
      }
      offset = startedOver ? 0 : Math.min(receivedBytes, ref.sizeBytes);
      await uploadOnce(options, { offset, tuning, clock });
      return;
    } catch (error) {
      // What an earlier upload left may be bad, or gone by now; then it is the whole of it that counts.
      if (offset > 0 && !startedOver && hasReason(error, "DIGEST_MISMATCH", "INVALID_ARGUMENT")) {
        startedOver = true;
        continue;
      }
      await retry.after(error, offset - lastOffset);
      lastOffset = offset;
    }
  }
}

async function uploadOnce(
  { to, ref, source, signal, onProgress }: UploadBinaryOptions,
  { offset, tuning, clock }: { offset: number; tuning: TransferTuning; clock: Clock },
): Promise<void> {
  const what = `uploading binary ${shortDigest(ref.sha256)}`;
  using watch = new StallWatch({ tuning, clock, what, signal });
  async function* watched(): AsyncGenerator<Uint8Array, void, undefined> {
    let doneBytes = offset;
    for await (const chunk of source(offset)) {
      watch.waiting();
      yield chunk;
      watch.got(chunk.length);
      doneBytes += chunk.length;
      onProgress?.(doneBytes, ref.sizeBytes);
    }
  }
  await to.upload(ref, watched(), { offset, signal: watch.signal });
}
