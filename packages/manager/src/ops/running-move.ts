import { formatName, hasReason, type InstanceName, NodeError, throwIfAborted } from "@nodemanager/core";
import type { InstanceRecord, VersionRecord } from "@nodemanager/layout";
import type { TaskContext } from "../batch.ts";
import type { Context } from "../context.ts";
import type { Live } from "../supervisor.ts";
import { holdLaunch, launchHeld } from "./launch.ts";
import { soak } from "./soak.ts";
import { suspend } from "./suspend.ts";

export interface RunningMoveOptions extends TaskContext {
  readonly deadlineMs?: number | undefined;
  readonly requestId?: string | undefined;
}

type Running = InstanceRecord & { readonly state: "running" };

/**
 * An instance that was moved to another version while it ran, and holds there so far. It is on trial until {@link keep}:
 * a manager that starts meanwhile takes it back. Whoever begins it holds the right to move the instance.
 */
export class RunningMove {
  /** The instance's full name. */
  readonly key: string;
  readonly #ctx: Context;
  readonly #name: InstanceName;
  readonly #options: RunningMoveOptions;

  /**
   * 1. its process is ended, which is the first thing that changes; a crash before 2 finds it wanted, on the old version
   * 2. it is moved, on trial; a crash from here on until it is kept finds that, and takes it back
   * 3. it is launched and becomes ready
   * 4. it lives for the new version's soak time; its end meanwhile is seen to here, and not by the supervisor
   *
   * When it does not get there, or the caller goes away, it is moved back and launched on the old version. When the
   * manager ends meanwhile, that is left to the next one.
   *
   * @throws NodeError `UPDATE_FAILED` with the metadata `instance`, `from`, `to`, `reason`, `lastLines`;
   *   `INSTANCE_NOT_RUNNING`, `OPERATION_IN_PROGRESS` also when somebody else ends it meanwhile, `CANCELLED`
   */
  static async begin(ctx: Context, record: Running, to: VersionRecord, o: RunningMoveOptions): Promise<RunningMove> {
    const move = new RunningMove(ctx, record, o);
    await move.#run(record, to);
    return move;
  }

  private constructor(ctx: Context, { name }: Running, o: RunningMoveOptions) {
    this.#ctx = ctx;
    this.#name = name;
    this.#options = o;
    this.key = formatName(name);
  }

  /** It stays on the new version. */
  async keep(): Promise<void> {
    await this.#ctx.root.instances.moves.keep(this.#name);
  }

  /**
   * Moves it back to the old version, and runs it there unless somebody suspended it meanwhile.
   *
   * @throws NodeError as `suspend` and `launch`
   */
  async goBack(): Promise<void> {
    using _held = holdLaunch(this.#ctx, this.#name);
    await this.#goBack();
  }

  async #run(record: Running, to: VersionRecord): Promise<void> {
    const { signal, deadlineMs, report, requestId, interrupt } = this.#options;
    using _held = holdLaunch(this.#ctx, this.#name);
    await suspend(this.#ctx, this.#name, { signal, deadlineMs, report, attempt: record.launch.attempt });
    let live: Live | undefined;
    try {
      throwIfAborted(signal);
      await this.#ctx.root.instances.moves.move(this.#name, { to: to.dir, requestId, trial: true });
      live = await launchHeld(this.#ctx, this.#name, { signal, report, requestId });
      await soak(this.#ctx, this.#name, live, to.envelope.soakMs, this.#options);
    } catch (error) {
      if (interrupt.aborted) {
        throw error;
      }
      throw await this.#failure(record, to, error);
    } finally {
      if (live) {
        this.#ctx.supervisor.watch(this.key, live.attempt);
      }
    }
  }

  /** Brings the old version back. @returns the error for the caller */
  async #failure(record: Running, to: VersionRecord, error: unknown): Promise<unknown> {
    const from = await this.#versionOf(record);
    let back: string;
    try {
      back = (await this.#goBack()) ? `version ${from} runs again` : `it is on version ${from} again`;
    } catch (failure) {
      if (hasReason(failure, "INSTANCE_NOT_FOUND", "INSTALLATION_UNINSTALLED")) {
        // Somebody ended it for good, which is why it did not hold.
        return error;
      }
      this.#ctx.logger.warn("an instance does not run on its old version", { instance: this.key, error: failure });
      back = `version ${from} does not run either: ${messageOf(failure)}`;
    }
    if (this.#options.signal.aborted || hasReason(error, "OPERATION_IN_PROGRESS")) {
      return error;
    }
    const metadata = { ...metadataOf(error), instance: this.key, from, to: to.envelope.version };
    const message = `${this.key} did not hold on version ${to.envelope.version}: ${messageOf(error)}; ${back}`;
    return new NodeError("UPDATE_FAILED", message, { metadata, cause: error });
  }

  /** @returns whether it runs */
  async #goBack(): Promise<boolean> {
    const { deadlineMs, report, interrupt } = this.#options;
    const ctx = this.#ctx;
    // Past every commit point: who asked for it may be gone.
    const { signal } = new AbortController();
    try {
      await suspend(ctx, this.#name, { signal, deadlineMs, report });
    } catch (error) {
      if (!hasReason(error, "INSTANCE_NOT_RUNNING", "OPERATION_IN_PROGRESS")) {
        throw error;
      }
    }
    {
      // Somebody else who ends it is waited for.
      using _ending = await ctx.ending.acquire(this.key);
      await ctx.root.instances.moves.goBack(this.#name);
    }
    ctx.hub.publish(this.key);
    const record = await ctx.root.instances.read(this.#name);
    if (record.state !== "suspended" || record.suspension) {
      return false;
    }
    const live = await launchHeld(ctx, this.#name, { signal: interrupt, report });
    ctx.supervisor.watch(this.key, live.attempt);
    return true;
  }

  async #versionOf({ versionDir }: InstanceRecord): Promise<string> {
    try {
      return (await this.#ctx.root.installations.versions.read(versionDir)).envelope.version;
    } catch (error) {
      this.#ctx.logger.warn("the version that an instance goes back to cannot be read", { instance: this.key, error });
      return "that it had";
    }
  }
}

function metadataOf(error: unknown): Readonly<Record<string, string>> {
  return error instanceof NodeError ? { ...error.metadata, reason: error.reason } : {};
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
