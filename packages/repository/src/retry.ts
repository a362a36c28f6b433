import { type Clock, hasReason } from "@nodemanager/core";
import type { TransferTuning } from "./transfer.ts";

// An attempt that brought this much does not count as failed, however many there are.
const PROGRESS_BYTES = 64 * 1024;

/**
 * Takes a transfer up again for as long as the repository is unavailable, up to so many times in a row without progress.
 */
export class Retry {
  readonly #tuning: TransferTuning;
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;
  #failures = 0;

  constructor(options: {
    readonly tuning: TransferTuning;
    readonly clock: Clock;
    readonly signal?: AbortSignal | undefined;
  }) {
    this.#tuning = options.tuning;
    this.#clock = options.clock;
    this.#signal = options.signal;
  }

  /**
   * Waits before the next attempt.
   *
   * @throws the error, when it is not worth another attempt
   * @throws NodeError of the signal
   */
  async after(error: unknown, transferredBytes: number): Promise<void> {
    if (!hasReason(error, "REPOSITORY_UNAVAILABLE")) {
      throw error;
    }
    this.#failures = transferredBytes >= PROGRESS_BYTES ? 1 : this.#failures + 1;
    if (this.#failures >= this.#tuning.attempts) {
      throw error;
    }
    const pauseMs = Math.min(this.#tuning.backoffMs * 2 ** (this.#failures - 1), this.#tuning.maxBackoffMs);
    // Between half and all of it, so that many nodes do not come back at once.
    await this.#clock.sleep(pauseMs * (0.5 + Math.random() / 2), this.#signal);
  }
}
