import { abortError, fromErrno, NodeError, throwIfAborted } from "@nodemanager/core";
import { EventQueue } from "./event-queue.ts";
import type { OperationEvent, Outcome, Progress } from "./operation.ts";

/** One object's share of an operation. */
export interface Task {
  /** The full name of the object. */
  readonly name: string;
  /**
   * Does the work.
   *
   * @throws NodeError, or anything else for a bug
   */
  run(o: TaskContext): Promise<Outcome>;
}

export interface TaskContext {
  /** Aborts when nobody wants the outcome any more. Not heeded past the commit point. */
  readonly signal: AbortSignal;
  /** Aborts when the manager needs the work to end: at its shutdown, or a reset. Aborts `signal` too. */
  readonly interrupt: AbortSignal;
  readonly report: (progress: Progress) => void;
}

export interface BatchOptions extends Omit<TaskContext, "report"> {
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
  const queue = new EventQueue<OperationEvent>((event) => (event.kind === "progress" ? event.name : undefined));
  const pending = tasks.values();
  const work = async () => {
    // The workers share one iterator: each task is taken once.
    for (const task of pending) {
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
    throwIfAborted(o.signal);
    const report = (progress: Progress) => push({ kind: "progress", name: task.name, ...progress });
    const outcome = await task.run({ signal: o.signal, interrupt: o.interrupt, report });
    return { kind: "outcome", name: task.name, ...outcome };
  } catch (thrown) {
    const error = asNodeError(thrown, o.signal, task.name);
    if (o.single) {
      throw error;
    }
    return { kind: "error", name: task.name, error };
  }
}

/** An abort may arrive as the signal's reason, whatever that is; a failed system call as an errno. */
function asNodeError(thrown: unknown, signal: AbortSignal, name: string): NodeError {
  if (thrown instanceof NodeError) {
    return thrown;
  }
  return signal.aborted && thrown === signal.reason ? abortError(signal) : fromErrno(thrown, name);
}
