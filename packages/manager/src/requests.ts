import { abortable, NodeError } from "@nodemanager/core";
import type { OperationEvent } from "./operation.ts";

/** How many finished requests are remembered; what is older is found by what it left on disk, or done again. */
const REMEMBERED = 1024;

interface Known {
  readonly what: string;
  /** How the call ended; `undefined` when it failed, so that it can be made again. */
  readonly result: Promise<readonly OperationEvent[] | undefined>;
}

/** Gives a request its effect once: a repeated id answers with what the first call with it came to. */
export class Requests {
  readonly #known = new Map<string, Known>();

  /**
   * @param what - the operation and the name it is for; an id cannot be used for two things
   * @param signal - of this call; ends its waiting for another one
   * @throws NodeError `INVALID_ARGUMENT` when the id was used for something else, and whatever `run` throws
   */
  async *once(
    requestId: string | undefined,
    what: string,
    signal: AbortSignal | undefined,
    run: () => AsyncIterable<OperationEvent>,
  ): AsyncGenerator<OperationEvent> {
    if (requestId === undefined) {
      yield* run();
      return;
    }
    for (let known = this.#known.get(requestId); known; known = this.#known.get(requestId)) {
      if (known.what !== what) {
        throw new NodeError("INVALID_ARGUMENT", `request id ${JSON.stringify(requestId)} was used for ${known.what}`);
      }
      const events = await abortable(known.result, signal);
      if (events) {
        yield* events;
        return;
      }
    }
    yield* this.#first(requestId, what, run);
  }

  /** Forgets everything but what is known of this one. */
  forget(except: string | undefined): void {
    for (const id of this.#known.keys()) {
      if (id !== except) {
        this.#known.delete(id);
      }
    }
  }

  async *#first(
    requestId: string,
    what: string,
    run: () => AsyncIterable<OperationEvent>,
  ): AsyncGenerator<OperationEvent> {
    const { promise, resolve } = Promise.withResolvers<readonly OperationEvent[] | undefined>();
    const known: Known = { what, result: promise };
    this.#known.set(requestId, known);
    const ends: OperationEvent[] = [];
    let succeeded = false;
    try {
      for await (const event of run()) {
        if (event.kind !== "progress") {
          ends.push(event);
        }
        yield event;
      }
      succeeded = ends.every((event) => event.kind === "outcome");
    } finally {
      // Also when the consumer goes away: whoever waits for this must not wait for ever.
      resolve(succeeded ? ends : undefined);
      if (!succeeded && this.#known.get(requestId) === known) {
        this.#known.delete(requestId);
      }
      this.#forgetOldest();
    }
  }

  #forgetOldest(): void {
    for (const id of this.#known.keys()) {
      if (this.#known.size <= REMEMBERED) {
        return;
      }
      this.#known.delete(id);
    }
  }
}
