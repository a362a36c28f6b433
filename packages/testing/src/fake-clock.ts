import { abortError, type Clock, throwIfAborted } from "@nodemanager/core";

/** A clock that stands still until it is advanced. */
export class FakeClock implements Clock {
  #wallMs: number;
  #monotonicMs = 0;
  readonly #sleepers = new Set<{ readonly until: number; readonly wake: () => void }>();

  constructor(start: string = "2026-11-22T09:15:00.000Z") {
    this.#wallMs = Date.parse(start);
  }

  now(): Date {
    return new Date(this.#wallMs);
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** How many are asleep: a test waits for this with `vi.waitFor` before it advances. */
  get sleepers(): number {
    return this.#sleepers.size;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => {
        this.#sleepers.delete(sleeper);
        reject(signal ? abortError(signal) : undefined);
      };
      const sleeper = {
        until: this.#monotonicMs + ms,
        wake: () => {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Moves time on and wakes whoever slept long enough. */
  advance(ms: number): void {
    this.#wallMs += ms;
    this.#monotonicMs += ms;
    for (const sleeper of [...this.#sleepers]) {
      if (sleeper.until <= this.#monotonicMs) {
        this.#sleepers.delete(sleeper);
        sleeper.wake();
      }
    }
  }

  /** Sets the wall clock alone, as an operator or NTP does. */
  jump(to: string): void {
    this.#wallMs = Date.parse(to);
  }
}
