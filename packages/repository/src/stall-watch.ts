import { type Clock, NodeError } from "@nodemanager/core";
import type { TransferTuning } from "./transfer.ts";

/**
 * Aborts a transfer that waits too long: for `stallMs` at a stretch, or for `stallMs` in all while less than
 * `minBytesPerSecond` arrived. Only the time spent waiting for the other side counts.
 */
export class StallWatch implements Disposable {
  readonly #tuning: TransferTuning;
  readonly #clock: Clock;
  readonly #what: string;
  readonly #parent: AbortSignal | undefined;
  readonly #controller = new AbortController();
  readonly #ended = new AbortController();
  #waitingSinceMs: number | undefined;
  /** How long was waited, and what came, since the last account. */
  #waitedMs = 0;
  #bytes = 0;

  constructor(options: {
    readonly tuning: TransferTuning;
    readonly clock: Clock;
    /** For the message. */
    readonly what: string;
    readonly signal?: AbortSignal | undefined;
  }) {
    this.#tuning = options.tuning;
    this.#clock = options.clock;
    this.#what = options.what;
    this.#parent = options.signal;
    this.#parent?.addEventListener("abort", this.#onParent, { once: true });
    if (this.#parent?.aborted) {
      this.#onParent();
    }
    void this.#watch();
  }

  /** Aborts with `REPOSITORY_UNAVAILABLE`, or with the signal given. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** From now on the other side is waited for. */
  waiting(): void {
    this.#waitingSinceMs ??= this.#clock.monotonicMs();
  }

  /** The other side took or gave so many bytes and is not waited for any more. */
  got(bytes: number): void {
    if (this.#waitingSinceMs !== undefined) {
      this.#waitedMs += this.#clock.monotonicMs() - this.#waitingSinceMs;
      this.#waitingSinceMs = undefined;
    }
    this.#bytes += bytes;
  }

  [Symbol.dispose](): void {
    this.#ended.abort();
    this.#parent?.removeEventListener("abort", this.#onParent);
  }

  readonly #onParent = (): void => this.#controller.abort(this.#parent?.reason);

  async #watch(): Promise<void> {
    const { stallMs } = this.#tuning;
    for (;;) {
      const atOnceMs = this.#waitingSinceMs === undefined ? 0 : this.#clock.monotonicMs() - this.#waitingSinceMs;
      const inAllMs = this.#waitedMs + atOnceMs;
      const tooLittle = this.#bytes < (this.#tuning.minBytesPerSecond * stallMs) / 1000;
      if (atOnceMs >= stallMs || (inAllMs >= stallMs && tooLittle)) {
        this.#controller.abort(stalled(this.#what, this.#tuning));
        return;
      }
      if (inAllMs >= stallMs) {
        this.#waitedMs = -atOnceMs;
        this.#bytes = 0;
      }
      try {
        await this.#clock.sleep(stallMs - Math.max(atOnceMs, this.#waitedMs + atOnceMs), this.#ended.signal);
      } catch {
        // Disposed of.
        return;
      }
    }
  }
}

function stalled(what: string, tuning: TransferTuning): NodeError {
  return new NodeError(
    "REPOSITORY_UNAVAILABLE",
    `${what} stalled: less than ${tuning.minBytesPerSecond} bytes per second in ${tuning.stallMs} ms`,
  );
}
