import { inspect } from "node:util";
import { ChildError, type ChildHandle, childHandle } from "@nodemanager/exec/child";
import type { RunningServer } from "@nodemanager/transport/server";
import { announce, serveAppCycle } from "./app-cycle-server.ts";
import { type Report, StopTask } from "./stop-task.ts";

export interface ManageOptions {
  /**
   * Begins the application's work; it is ready when this is done. It runs after the manager's go-ahead, so that nothing
   * is begun that the manager would not know of. What it throws is reported as the reason why the start failed.
   */
  readonly start?: (context: StartContext) => Promise<void> | void;
  /**
   * Ends the application's work in order; the process exits when this is done, with status 0, or 1 if it throws. Called
   * once, for the first of: the manager's `Stop`, SIGTERM, SIGINT, `Managed.stop()`; that may be while `start` runs.
   */
  readonly onStop: (report: Report) => Promise<void> | void;
}

export interface StartContext {
  /** `apps/<title>/<installation>/<instance>`; undefined when no manager started this process. */
  readonly instanceName: string | undefined;
  /** What the manager handed over. */
  readonly config: Readonly<Record<string, string>>;
  /** Aborts when the orderly stop begins. */
  readonly stopping: AbortSignal;
}

export interface Managed extends StartContext {
  /** Whether a manager started this process; otherwise it is on its own, and signals work all the same. */
  readonly isManaged: boolean;
  /** Stops in order, as if the manager had asked; settles only if the process does not exit, so never. */
  stop(): Promise<never>;
}

/** Status of a process that was told to exit at once, or failed to stop in order. */
const FORCED_EXIT_CODE = 1;
// What was asked for twice within this time is the same wish: a terminal signals the whole group, a supervisor the process.
const SAME_SIGNAL_MS = 500;
// For the last progress to reach the manager.
const CLOSE_GRACE_MS = 2000;

/**
 * Makes this process an application that a node manager can start, watch and stop in order: takes the go-ahead, calls
 * `start`, serves `AppCycleService` if the manager wants it, and says `ready`. Once in a process.
 *
 * While it stops, a second SIGTERM or SIGINT ends it at once with status 1, as `ForceStop` does at any time.
 *
 * Without a manager (run by hand, or by an envelope with another readiness) it only handles signals.
 *
 * @throws ChildError `PARENT_GONE` when the manager ended meanwhile: the process should exit then; what `start` threw,
 * after the manager has been told
 */
export async function manage(options: ManageOptions): Promise<Managed> {
  const child = await handleOrNone();
  const config = child?.config ?? {};
  const stopping = new AbortController();
  const task = new StopTask((report) => {
    stopping.abort();
    return options.onStop(report);
  });
  let server: RunningServer | undefined;
  const stop = async (): Promise<never> => {
    const code = await task.run().then(
      () => 0,
      (error: unknown) => {
        // Nobody may be watching: the log is where it is looked for afterwards.
        process.stderr.write(`the orderly stop failed: ${inspect(error)}\n`);
        return FORCED_EXIT_CODE;
      },
    );
    await server?.close({ graceMs: CLOSE_GRACE_MS });
    process.exit(code);
  };
  const context = { instanceName: config.INSTANCE_NAME, config, stopping: stopping.signal };
  try {
    stopOnSignals(stop);
    await options.start?.(context);
    server = await appCycle(config, task, stop);
    child?.ready();
  } catch (error) {
    await server?.close();
    tellFailure(child, error);
    throw error;
  }
  return { ...context, isManaged: child !== undefined, stop };
}

async function handleOrNone(): Promise<ChildHandle | undefined> {
  try {
    return await childHandle();
  } catch (error) {
    if (error instanceof ChildError && error.reason === "NOT_A_CHILD") {
      return undefined;
    }
    throw error;
  }
}

function tellFailure(child: ChildHandle | undefined, error: unknown): void {
  try {
    child?.failed(error instanceof Error ? error.message : String(error));
  } catch {
    // Nobody is there to hear it; the caller gets the failure itself.
  }
}

/** The service, if the manager has said where to announce it: it does for readiness `appcycle`. */
async function appCycle(
  config: Readonly<Record<string, string>>,
  task: StopTask,
  stop: () => Promise<never>,
): Promise<RunningServer | undefined> {
  const { CALLBACK_ADDRESS: callbackAddress, CALLBACK_ID: callbackId, APP_CYCLE_SOCKET: socketPath } = config;
  if (callbackAddress === undefined || callbackId === undefined || socketPath === undefined) {
    return undefined;
  }
  const server = await serveAppCycle({
    socketPath,
    task,
    onStop: () => void stop(),
    forceStop: () => process.exit(FORCED_EXIT_CODE),
  });
  try {
    await announce({ callbackAddress, callbackId, server });
  } catch (error) {
    await server.close();
    throw error;
  }
  return server;
}

function stopOnSignals(stop: () => Promise<never>): void {
  let firstMs: number | undefined;
  const onSignal = () => {
    const nowMs = performance.now();
    firstMs ??= nowMs;
    if (nowMs - firstMs >= SAME_SIGNAL_MS) {
      process.exit(FORCED_EXIT_CODE);
    }
    void stop();
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, onSignal);
  }
}
