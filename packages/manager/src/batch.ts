import { fromErrno, NodeError } from "@nodemanager/core";
import { EventQueue } from "./event-queue.ts";
import type { OperationEvent, Outcome, Progress } from "./operation.ts";

/** One object's share of an operation. */
export interface Task {
  /** The full name of the object. */
  readonly name: string;
  /**
   * Does the work. Past its commit point it does not heed the signal any more.
   *
   * @throws NodeError, or anything else for a bug
   */
  run(o: TaskContext): Promise<Outcome>;
}

export interface TaskContext {
  readonly signal: AbortSignal;
  readonly report: (progress: Progress) => void;
}

export interface BatchOptions {
  readonly signal: AbortSignal;
  /** A full name: its failure is thrown. Otherwise failures are events. */
  readonly single: boolean;
  /** How many objects are worked on at a time. */
  readonly parallel: number;
}

/**
 * Works on all objects and yields what happens to them. Ends when the last is done. When the signal aborts, what has
 * not begun does not begin.
 */
export async function* runBatch(tasks: readonly Task[], o: BatchOptions): AsyncGenerator<OperationEvent> {
  const queue = new EventQueue<OperationEvent>(
    (waiting, next) => waiting.kind === "progress" && next.kind === "progress" && waiting.name === next.name,
  );
  const pending = [...tasks];
  const work = async () => {
    for (let task = pending.shift(); task; task = pending.shift()) {
      queue.push(await runTask(task, o, (event) => queue.push(event)));
    }
  };
  const workers = Array.from({ length: Math.min(o.parallel, tasks.length) }, work);
  Promise.all(workers).then(
    () => queue.end(),
    (error) => queue.fail(error),
  );
  yield* queue;
}

async function runTask(task: Task, o: BatchOptions, push: (event: OperationEvent) => void): Promise<OperationEvent> {
  try {
    o.signal.throwIfAborted();
    const report = (progress: Progress) => push({ kind: "progress", name: task.name, ...progress });
    return { kind: "outcome", name: task.name, ...(await task.run({ signal: o.signal, report })) };
  } catch (thrown) {
    const error = asNodeError(thrown, o.signal, task.name);
    if (o.single) {
      throw error;
    }
    return { kind: "error", name: task.name, error };
  }
}

/** An abort arrives as the signal's reason, whatever that is; a failed system call as an errno. */
function asNodeError(thrown: unknown, signal: AbortSignal, name: string): NodeError {
  if (thrown instanceof NodeError) {
    return thrown;
  }
  if (signal.aborted && thrown === signal.reason) {
    return new NodeError("CANCELLED", "the operation was cancelled", { cause: thrown });
  }
  return fromErrno(thrown, name);
}
