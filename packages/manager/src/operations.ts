import { formatName, type InstallationName, type InstanceName, NodeError } from "@nodemanager/core";
import type { Activities } from "./activities.ts";
import { runBatch, type Task, type TaskContext } from "./batch.ts";
import type { EndOptions, OperationEvent, OperationOptions, Outcome } from "./operation.ts";
import { type Call, Requests } from "./requests.ts";
import type { Scope } from "./scope.ts";

/** What an operation works on. */
export interface Job {
  readonly single: boolean;
  /** How many objects are worked on at a time. */
  readonly parallel: number;
  readonly tasks: readonly Task[];
}

/** A job that does the same to each object. */
export function jobFor<Name extends InstallationName | InstanceName>(
  { single, names }: Scope<Name>,
  parallel: number,
  work: (name: Name, o: TaskContext) => Promise<Outcome>,
): Job {
  return { single, parallel, tasks: names.map((name) => ({ name: formatName(name), run: (o) => work(name, o) })) };
}

/** Runs operations: each request once, as activities that a shutdown or a reset interrupts and waits for. */
export class Operations {
  readonly #activities: Activities;
  readonly #requests = new Requests();

  constructor(activities: Activities) {
    this.#activities = activities;
  }

  /**
   * Runs one when its events are first asked for. When nobody asks for them any more, it is cancelled.
   *
   * @param find - what it works on, found out when it begins
   * @throws NodeError `SHUTTING_DOWN`, `OPERATION_IN_PROGRESS` during a reset, `INVALID_ARGUMENT` for a request id that was
   *   used for another operation; what `find` throws, and for a single object its failure
   */
  run(call: Call, options: OperationOptions, find: () => Promise<Job>): AsyncIterable<OperationEvent> {
    return this.#requests.once(options.requestId, call, options.signal, () => this.#perform(options, find));
  }

  /** Runs a reset, which is no activity because it ends all of them. After it no earlier request is known. */
  reset(options: EndOptions, work: () => AsyncIterable<OperationEvent>): AsyncIterable<OperationEvent> {
    const { requestId, signal } = options;
    const call = { verb: "reset", name: "" };
    return this.#requests.once(requestId, call, signal, () => this.#resetAndForget(requestId, work));
  }

  async *#resetAndForget(
    requestId: string | undefined,
    work: () => AsyncIterable<OperationEvent>,
  ): AsyncGenerator<OperationEvent> {
    yield* work();
    this.#requests.forget(requestId);
  }

  async *#perform(options: OperationOptions, find: () => Promise<Job>): AsyncGenerator<OperationEvent> {
    const interrupt = this.#activities.enter();
    const left = new AbortController();
    const signal = AbortSignal.any([interrupt, left.signal, ...(options.signal ? [options.signal] : [])]);
    const job = await find();
    const tracked = job.tasks.map(({ name, run }) => ({
      name,
      run: (o: TaskContext) => this.#activities.track(run(o)),
    }));
    try {
      yield* runBatch(tracked, { ...job, signal, interrupt });
    } finally {
      left.abort(new NodeError("CANCELLED", "nobody waits for the operation any more"));
    }
  }
}
