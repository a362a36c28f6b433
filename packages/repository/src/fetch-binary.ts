import { type BinaryRef, type Clock, NodeError } from "@nodemanager/core";
import type { BinaryRepository, BlobSink, OnProgress } from "./repository.ts";
import type { TransferTuning } from "./transfer.ts";

export interface FetchBinaryOptions {
  readonly from: BinaryRepository;
  /** What it must turn out to be. */
  readonly ref: BinaryRef;
  readonly sink: BlobSink;
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly tuning?: Partial<TransferTuning> | undefined;
}

export async function fetchBinary(_options: FetchBinaryOptions): Promise<void> {
  throw new NodeError("NOT_IMPLEMENTED", "not yet");
}
