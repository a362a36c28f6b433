import { abortError, throwIfAborted } from "./abort.ts";

/**
 * At most one holder for each key within this process. Waiters are served in order. What survives a crash and holds
 * against other processes are the claims on disk; this makes the loser's answer prompt.
 */
export class KeyedMutex {
  readonly #held = new Map<string, (() => void)[]>();

  /** Takes the key if nobody holds it. */
  tryAcquire(key: string): Disposable | undefined {
    if (this.#held.has(key)) {
      return undefined;
    }
    this.#held.set(key, []);
    return this.#holder(key);
  }

  /**
   * Waits for the key.
   *
   * @throws NodeError of the signal, if it aborts first
   */
  async acquire(key: string, signal?: AbortSignal): Promise<Disposable> {
    throwIfAborted(signal);
    const waiters = this.#held.get(key);
    if (!waiters) {
      this.#held.set(key, []);
      return this.#holder(key);
    }
    await new Promise<void>((resolve, reject) => {
      const onTurn = () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      };
      const onAbort = () => {
        waiters.splice(waiters.indexOf(onTurn), 1);
        reject(signal ? abortError(signal) : undefined);
      };
      waiters.push(onTurn);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
    return this.#holder(key);
  }

  #holder(key: string): Disposable {
    let released = false;
    return {
      [Symbol.dispose]: () => {
        if (released) {
          return;
        }
        released = true;
        const next = this.#held.get(key)?.shift();
        if (next) {
          next();
        } else {
          this.#held.delete(key);
        }
      },
    };
  }
}
