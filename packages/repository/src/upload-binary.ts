import { type BinaryRef, type Clock, NodeError } from "@nodemanager/core";
import type { BinaryRepository, OnProgress } from "./repository.ts";
import type { TransferTuning } from "./transfer.ts";

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

export async function uploadBinary(_options: UploadBinaryOptions): Promise<void> {
  throw new NodeError("NOT_IMPLEMENTED", "not yet");
}
