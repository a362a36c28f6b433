import { NodeError } from "@nodemanager/core";

/** What a manager is busy with, so that a shutdown and a reset can tell it to end, and wait for that. */
export class Activities {
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  #interrupt = new AbortController();
  #isReset = false;

  /** Aborts when nothing may begin any more, for good. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /**
   * Begins an activity.
   *
   * @returns aborts when the activity has to come to its end
   * @throws NodeError `SHUTTING_DOWN`; `OPERATION_IN_PROGRESS` during a reset
   */
  enter(): AbortSignal {
    if (this.closing.aborted) {
      throw shuttingDown();
    }
    if (this.#isReset) {
      throw resetting();
    }
    return this.#interrupt.signal;
  }

  /** Counts work until it settles. Gives the work itself. */
  track<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work);
    const done = () => this.#underWay.delete(work);
    work.then(done, done);
    return work;
  }

  /** Waits until nothing is under way. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) {
      await Promise.allSettled(this.#underWay);
    }
  }

  /**
   * Lets nothing begin any more and interrupts what is under way.
   *
   * @throws NodeError `SHUTTING_DOWN` when that was done before
   */
  close(): void {
    if (this.closing.aborted) {
      throw shuttingDown();
    }
    this.#closing.abort(shuttingDown());
    this.#interrupt.abort(shuttingDown());
  }

  /**
   * Interrupts what is under way, waits for its end, and lets nothing begin until the result is disposed.
   *
   * @returns with what a shutdown interrupts the holder
   * @throws NodeError `SHUTTING_DOWN`; `OPERATION_IN_PROGRESS` during another reset
   */
  async takeOver(): Promise<{ readonly interrupt: AbortSignal } & Disposable> {
    const before = this.#interrupt;
    this.enter();
    this.#isReset = true;
    // A shutdown must reach the holder, and what the holder interrupts must not.
    this.#interrupt = new AbortController();
    const { signal } = this.#interrupt;
    before.abort(resetting());
    await this.settled();
    return {
      interrupt: signal,
      [Symbol.dispose]: () => {
        this.#isReset = false;
      },
    };
  }
}

function shuttingDown(): NodeError {
  return new NodeError("SHUTTING_DOWN", "the manager is shutting down");
}

function resetting(): NodeError {
  return new NodeError("OPERATION_IN_PROGRESS", "the node is being reset");
}
