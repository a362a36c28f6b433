/** When a transfer counts as stalled, and how often it is taken up again. */
export interface TransferTuning {
  /** A transfer that brings nothing, or less than `minBytesPerSecond` on average, for so long is broken off. */
  readonly stallMs: number;
  readonly minBytesPerSecond: number;
  /** How many attempts in a row may bring less than 64 KiB. */
  readonly attempts: number;
  /** The pause before the second attempt; it doubles with each. */
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
}

export const defaultTuning: TransferTuning = {
  stallMs: 30_000,
  minBytesPerSecond: 1024,
  attempts: 5,
  backoffMs: 250,
  maxBackoffMs: 5_000,
};
