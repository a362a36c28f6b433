import { fromErrno } from "@nodemanager/core";
import { Activities } from "./activities.ts";
import type { NodeManagerApi } from "./api.ts";
import type { Task } from "./batch.ts";
import type { Context } from "./context.ts";
import { debug } from "./debug.ts";
import { contextOf, type NodeManagerOptions } from "./node-manager-options.ts";
import { countObjects } from "./object-counts.ts";
import { type InstanceWork, instancesJob, refreshJob, startJob } from "./object-jobs.ts";
import type {
  EndOptions,
  InstallOptions,
  MoveOptions,
  OperationEvent,
  OperationOptions,
  TidyOptions,
  TidyReport,
  UpdateOptions,
} from "./operation.ts";
import { jobFor, Operations } from "./operations.ts";
import { collectBinaries } from "./ops/collect.ts";
import { install } from "./ops/install.ts";
import { reset } from "./ops/reset.ts";
import { restart } from "./ops/restart.ts";
import { resume } from "./ops/resume.ts";
import { stop } from "./ops/stop.ts";
import { suspend } from "./ops/suspend.ts";
import { tidy } from "./ops/tidy.ts";
import { uninstall } from "./ops/uninstall.ts";
import type { NodeDescription, Runnability, Specification } from "./ports.ts";
import { readLogs } from "./read-logs.ts";
import { type Recovery, recover } from "./recovery/recover.ts";
import { installationsIn } from "./scope.ts";
import { OwnVersions } from "./self-update/own-versions.ts";
import { shutDown } from "./shutdown.ts";
import type { LogChunk, LogOptions, ManagerStatus, ObjectStatus, WatchEvent } from "./status.ts";
import { revertJob, updateJob } from "./version-jobs.ts";
import { objects } from "./view.ts";
import { watchObjects } from "./watch-objects.ts";

/**
 * The manager of one root. It decides nothing itself: it finds what a name means, lets the operations work on that, and
 * keeps account of what is under way, so that a shutdown waits for it.
 */
export class NodeManager implements NodeManagerApi {
  readonly #ctx: Context;
  readonly #options: NodeManagerOptions;
  readonly #activities = new Activities();
  readonly #operations = new Operations(this.#activities);
  readonly #startedAt: Date;
  readonly #closed: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #recovered: PromiseWithResolvers<void> = Promise.withResolvers();
  /** Aborts when a shutdown begins. */
  readonly closing: AbortSignal = this.#activities.closing;
  /** Settles when a shutdown has come to its end. */
  readonly closed: Promise<void> = this.#closed.promise;
  readonly #own: OwnVersions;
  #recovery: Recovery = { report: [], finish: async () => {} };

  /**
   * Opens the manager: takes over what still runs, and sees to everything else in the background. It can be called at
   * once; what an operator asks for meanwhile comes before what the start-up would have done.
   *
   * @throws NodeError when the root cannot be read; nothing is watched then, and the root is the caller's again
   */
  static async open(options: NodeManagerOptions): Promise<NodeManager> {
    const manager = new NodeManager(options);
    try {
      const swept = await sweep(manager.#ctx);
      const recovery = await recover(manager.#ctx, manager.#activities.enter());
      const own = await manager.#own.recover();
      manager.#recovery = { ...recovery, report: [...swept, ...recovery.report, ...own] };
    } catch (error) {
      manager.#ctx.supervisor.detachAll();
      throw error;
    }
    // Never rejects.
    void manager.#activities.track(manager.#recovery.finish()).then(() => manager.#recovered.resolve());
    return manager;
  }

  private constructor(options: NodeManagerOptions) {
    this.#options = options;
    this.#ctx = contextOf(options);
    this.#startedAt = this.#ctx.clock.now();
    this.#own = new OwnVersions(this.#ctx, this.#operations, options, () => this.#end({}));
  }

  install(origin: string, options: InstallOptions = {}): AsyncIterable<OperationEvent> {
    const tasks: Task[] = [{ name: origin, run: (o) => install(this.#ctx, origin, options, o) }];
    return this.#operations.run({ verb: "install", name: origin }, options, async () => ({
      single: true,
      parallel: 1,
      tasks,
    }));
  }

  start(name: string, options: OperationOptions = {}): AsyncIterable<OperationEvent> {
    return this.#operations.run({ verb: "start", name }, options, () => startJob(this.#ctx, name, options.requestId));
  }

  suspend(name: string, options: EndOptions = {}): AsyncIterable<OperationEvent> {
    const { deadlineMs, requestId } = options;
    return this.#onInstances("suspend", name, options, ["suspend"], (instance, o) => {
      const at = this.#ctx.clock.now();
      const suspension = { by: "operator" as const, why: "suspended by an operator", at, requestId };
      return suspend(this.#ctx, instance, { ...o, deadlineMs, suspension });
    });
  }

  resume(name: string, options: OperationOptions = {}): AsyncIterable<OperationEvent> {
    return this.#onInstances("resume", name, options, ["launch"], (instance, o) =>
      resume(this.#ctx, instance, options.requestId, o),
    );
  }

  restart(name: string, options: EndOptions = {}): AsyncIterable<OperationEvent> {
    const { deadlineMs, requestId } = options;
    return this.#onInstances("restart", name, options, ["suspend"], (instance, o) =>
      restart(this.#ctx, instance, { ...o, deadlineMs, requestId }),
    );
  }

  stop(name: string, options: EndOptions = {}): AsyncIterable<OperationEvent> {
    const { deadlineMs, requestId } = options;
    return this.#onInstances("stop", name, options, ["stop", "ended"], (instance, o) =>
      stop(this.#ctx, instance, { ...o, deadlineMs, requestId }),
    );
  }

  update(name: string, options: UpdateOptions = {}): AsyncIterable<OperationEvent> {
    const update = withoutRequestOfDryRun(options);
    return this.#operations.run({ verb: "update", name }, update, () => updateJob(this.#ctx, name, update));
  }

  updateTo(name: string, origin: string, options: UpdateOptions = {}): AsyncIterable<OperationEvent> {
    const update = { ...withoutRequestOfDryRun(options), origin };
    return this.#operations.run({ verb: "update to", name }, update, () => updateJob(this.#ctx, name, update));
  }

  revert(name: string, options: MoveOptions = {}): AsyncIterable<OperationEvent> {
    return this.#operations.run({ verb: "revert", name }, options, () => revertJob(this.#ctx, name, options));
  }

  async tidy(options: TidyOptions = {}): Promise<TidyReport> {
    const signal = AbortSignal.any([this.#activities.enter(), ...(options.signal ? [options.signal] : [])]);
    return await this.#activities.track(tidy(this.#ctx, { ...options, signal, own: this.#own }));
  }

  uninstall(name: string, options: EndOptions = {}): AsyncIterable<OperationEvent> {
    const { deadlineMs, requestId } = options;
    return this.#operations.run({ verb: "uninstall", name }, options, async () => {
      const scope = await installationsIn(this.#ctx.root, name);
      return jobFor(scope, scope.names.length, (installation, o) =>
        uninstall(this.#ctx, installation, { ...o, deadlineMs, requestId }),
      );
    });
  }

  refresh(name: string, options: OperationOptions = {}): AsyncIterable<OperationEvent> {
    return this.#operations.run({ verb: "refresh", name }, options, () => refreshJob(this.#ctx, name));
  }

  reset(options: EndOptions = {}): AsyncIterable<OperationEvent> {
    return this.#operations.reset(options, () => reset(this.#ctx, this.#activities, options));
  }

  updateManager(options: OperationOptions = {}): AsyncIterable<OperationEvent> {
    return this.#own.update(options);
  }

  revertManager(options: OperationOptions = {}): AsyncIterable<OperationEvent> {
    return this.#own.revert(options);
  }

  async *shutdown(options: EndOptions = {}): AsyncGenerator<OperationEvent> {
    yield* this.#end(options);
  }

  list(glob: string, signal?: AbortSignal): AsyncIterable<ObjectStatus> {
    return objects(this.#ctx.root, glob, signal);
  }

  status(glob: string, signal?: AbortSignal): AsyncIterable<ObjectStatus> {
    return objects(this.#ctx.root, glob, signal);
  }

  watch(glob: string, signal?: AbortSignal): AsyncIterable<WatchEvent> {
    return watchObjects(this.#ctx.root, this.#ctx.hub, glob, signal);
  }

  readLogs(name: string, options: LogOptions = {}): AsyncIterable<LogChunk> {
    return readLogs(this.#ctx.root, this.#ctx.hub, name, options);
  }

  async debug(name: string): Promise<string> {
    return await debug(this.#ctx, name);
  }

  async describe(): Promise<NodeDescription> {
    return {
      profiles: await this.#ctx.node.profiles(),
      specification: await this.#ctx.node.specification(),
      hostname: this.#ctx.node.hostname,
      version: this.#options.version,
      containment: this.#ctx.containment.kind,
      isolation: this.#ctx.accounts?.pool.kind === "range" ? "user" : "none",
    };
  }

  isRunnable(query: { profiles: readonly string[]; specification?: Specification | undefined }): Promise<Runnability> {
    return this.#ctx.node.isRunnable(query);
  }

  async managerStatus(): Promise<ManagerStatus> {
    return {
      version: this.#options.version,
      pid: process.pid,
      startedAt: this.#startedAt,
      root: this.#ctx.root.dir,
      shutdownPolicy: this.#options.shutdownPolicy,
      ...(await countObjects(this.#ctx.root)),
      recovery: this.#recovery.report,
      residentBytes: process.memoryUsage.rss(),
      ...(await this.#own.status()),
    };
  }

  /** To be called when the manager is served: from then on it becomes healthy. */
  serves(): void {
    // A reset waits for what is under way, and not until this version counts as healthy.
    void this.#own.serves(this.closing, (work) => this.#activities.track(work));
  }

  /** Whether the manager ends to be started again, as another version. */
  get isToRestart(): boolean {
    return this.#own.hasMoved;
  }

  /** Settles when everything that the start-up found has been dealt with. */
  async recovered(): Promise<void> {
    await this.#recovered.promise;
  }

  #end(options: EndOptions): AsyncIterable<OperationEvent> {
    const { events, ended } = shutDown(this.#ctx, this.#activities, options);
    // Never rejects, and must not wait for a consumer who may be gone.
    void ended.then(() => this.#closed.resolve());
    return events;
  }

  #onInstances(
    verb: string,
    name: string,
    options: OperationOptions,
    events: InstanceWork["events"],
    work: InstanceWork["work"],
  ): AsyncIterable<OperationEvent> {
    const bringsUp = verb === "resume" || verb === "restart";
    return this.#operations.run({ verb, name }, options, () =>
      instancesJob(this.#ctx, name, { events, bringsUp, work }),
    );
  }
}

/** What a crash left in the root: things half made or half removed, and binaries that no version came to use. */
async function sweep(ctx: Context): Promise<string[]> {
  const { removed, problems } = await ctx.root.sweep();
  const unused = await collectBinaries(ctx).then(
    (digests) => digests.map((sha256) => `binary ${sha256} was unused`),
    (error) => [fromErrno(error, "removing unused binaries").message],
  );
  return [...removed, ...problems, ...unused];
}

/** What has no effect cannot have it once. */
function withoutRequestOfDryRun(options: UpdateOptions): UpdateOptions {
  return options.dryRun ? { ...options, requestId: undefined } : options;
}
