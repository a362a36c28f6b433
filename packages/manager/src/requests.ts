import { abortable, NodeError } from "@nodemanager/core";
import type { OperationEvent } from "./operation.ts";

/** How many request ids are remembered; what is older is found by what it left on disk, or done again. */
const REMEMBERED = 1024;

/** What a call is for. */
export interface Call {
  readonly verb: string;
  /** Of the object, or what it is to be made from. */
  readonly name: string;
}

/** How a call ended; `undefined` when it failed, so that it can be made again. */
type Result = Promise<readonly OperationEvent[] | undefined>;

interface Request {
  readonly verb: string;
  /** By name: one request may be for several objects. */
  readonly results: Map<string, Result>;
}

/** Gives a request its effect once: a repeated id answers with what the first call with it came to. */
export class Requests {
  readonly #known = new Map<string, Request>();

  /**
   * @param signal - of this call; ends its waiting for another one
   * @throws NodeError `INVALID_ARGUMENT` when the id was used for another operation, and whatever `run` throws
   */
  async *once(
    requestId: string | undefined,
    call: Call,
    signal: AbortSignal | undefined,
    run: () => AsyncIterable<OperationEvent>,
  ): AsyncGenerator<OperationEvent> {
    if (requestId === undefined) {
      yield* run();
      return;
    }
    for (;;) {
      const { results } = this.#request(requestId, call);
      const result = results.get(call.name);
      if (!result) {
        yield* this.#first(results, call, run);
        return;
      }
      const events = await abortable(result, signal);
      if (events) {
        yield* events;
        return;
      }
    }
  }

  /** Forgets everything but what is known of this one. */
  forget(except: string | undefined): void {
    for (const id of this.#known.keys()) {
      if (id !== except) {
        this.#known.delete(id);
      }
    }
  }

  #request(requestId: string, { verb }: Call): Request {
    const request = this.#known.get(requestId) ?? { verb, results: new Map<string, Result>() };
    if (request.verb !== verb) {
      throw new NodeError("INVALID_ARGUMENT", `request id ${JSON.stringify(requestId)} was used for ${request.verb}`);
    }
    this.#known.set(requestId, request);
    for (const id of this.#known.keys()) {
      if (this.#known.size <= REMEMBERED) {
        break;
      }
      this.#known.delete(id);
    }
    return request;
  }

  async *#first(
    results: Map<string, Result>,
    { name }: Call,
    run: () => AsyncIterable<OperationEvent>,
  ): AsyncGenerator<OperationEvent> {
    const { promise, resolve } = Promise.withResolvers<readonly OperationEvent[] | undefined>();
    results.set(name, promise);
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
      if (!succeeded) {
        results.delete(name);
      }
      // Also when the consumer goes away: whoever waits for this must not wait for ever.
      resolve(succeeded ? ends : undefined);
    }
  }
}
