import { NodeError } from "./errors.ts";

/** A signal that somebody owns; disposing it frees its timer and listeners. */
export interface OwnedSignal extends Disposable {
  readonly signal: AbortSignal;
}

/** What a timer of Node can wait at most; one that is asked for more ends at once. */
export const LONGEST_TIMER_MS: number = 2 ** 31 - 1;

/** The error of an aborted signal: its own reason if that is a `NodeError`, otherwise `CANCELLED`. */
export function abortError(signal: AbortSignal): NodeError {
  return signal.reason instanceof NodeError
    ? signal.reason
    : new NodeError("CANCELLED", "the operation was cancelled", { cause: signal.reason });
}

/** @throws NodeError of the signal, if it is aborted */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) {
    throw abortError(signal);
  }
}

/**
 * A signal that aborts after so many milliseconds with `error`, or with its parent.
 *
 * The timer does not keep the process alive.
 */
export function deadlineSignal(ms: number, error: () => NodeError, parent?: AbortSignal): OwnedSignal {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const wait = (remainingMs: number) => {
    const partMs = Math.min(remainingMs, LONGEST_TIMER_MS);
    const onTime = () => (remainingMs > partMs ? wait(remainingMs - partMs) : controller.abort(error()));
    timer = setTimeout(onTime, partMs).unref();
  };
  wait(ms);
  const onParent = () => controller.abort(parent?.reason);
  if (parent?.aborted) {
    onParent();
  }
  parent?.addEventListener("abort", onParent, { once: true });
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      clearTimeout(timer);
      parent?.removeEventListener("abort", onParent);
    },
  };
}

/**
 * Waits for a promise or for the signal, whichever is first. The promise itself goes on; what it becomes later is not
 * reported as unhandled.
 *
 * @throws NodeError of the signal, if it aborts first
 */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) {
    return await promise;
  }
  promise.catch(() => {});
  throwIfAborted(signal);
  let onAbort: () => void = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(abortError(signal));
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
