import {
  type Clock,
  compileGlob,
  formatName,
  type InstallationName,
  type InstanceName,
  KeyedMutex,
  type Logger,
  NodeError,
  parseName,
  silentLogger,
  systemClock,
} from "@nodemanager/core";
import type { Containment } from "@nodemanager/exec";
import type { Root } from "@nodemanager/layout";
import type { Repository, RepositoryAddress } from "@nodemanager/repository";
import type { NodeManagerApi } from "./api.ts";
import { runBatch, type Task, type TaskContext } from "./batch.ts";
import { ChangeHub } from "./change-hub.ts";
import type { Context } from "./context.ts";
import { debug } from "./debug.ts";
import type { EndOptions, InstallOptions, OperationEvent, OperationOptions, Outcome } from "./operation.ts";
import { recordExit } from "./ops/exited.ts";
import { install } from "./ops/install.ts";
import { refreshInstallation, refreshInstance } from "./ops/refresh.ts";
import { restart } from "./ops/restart.ts";
import { resume } from "./ops/resume.ts";
import { start } from "./ops/start.ts";
import { stop } from "./ops/stop.ts";
import { suspend } from "./ops/suspend.ts";
import { uninstall } from "./ops/uninstall.ts";
import type {
  AppCycleClient,
  CallbackListener,
  NodeDescription,
  NodeFacts,
  Runnability,
  Specification,
} from "./ports.ts";
import { readLogs } from "./read-logs.ts";
import { type Recovery, recover } from "./recovery/recover.ts";
import { Requests } from "./requests.ts";
import { installationsIn, instancesIn, type Scope } from "./scope.ts";
import type { LogChunk, LogOptions, ManagerStatus, ObjectStatus, ShutdownPolicy, WatchEvent } from "./status.ts";
import { Supervisor } from "./supervisor.ts";
import { objectStatus, objects } from "./view.ts";

/** How many objects of a batch are worked on at a time. */
const PARALLEL = 16;

export interface NodeManagerOptions {
  /** Open and locked; the manager closes it. */
  readonly root: Root;
  /** Of the manager itself. */
  readonly version: string;
  readonly node: NodeFacts;
  readonly containment: Containment;
  readonly callbacks: CallbackListener;
  readonly appCycle: AppCycleClient;
  readonly openRepository: (address: RepositoryAddress) => Promise<Repository>;
  readonly shutdownPolicy: ShutdownPolicy;
  /** The largest binary that is installed. */
  readonly maxBinaryBytes: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/** One object's share of an operation, given its name. */
type Work<Name> = (name: Name, o: TaskContext) => Promise<Outcome>;

/**
 * The manager of one root. It decides nothing itself: it finds what a name means, lets the operations work on that, and
 * keeps account of what is under way, so that a shutdown waits for it.
 */
export class NodeManager implements NodeManagerApi {
  readonly #ctx: Context;
  readonly #options: NodeManagerOptions;
  readonly #requests = new Requests();
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  readonly #startedAt: Date;
  readonly #closed: PromiseWithResolvers<void> = Promise.withResolvers();
  /** Settles when a shutdown has come to its end. */
  readonly closed: Promise<void> = this.#closed.promise;
  #recovery: Recovery = { report: [], finish: async () => {} };

  /**
   * Opens the manager: takes over what still runs, and sees to everything else in the background. It can be called at
   * once; an object that is still being recovered answers `OPERATION_IN_PROGRESS`.
   */
  static async open(options: NodeManagerOptions): Promise<NodeManager> {
    const manager = new NodeManager(options);
    const swept = await options.root.sweep();
    const recovery = await recover(manager.#ctx);
    manager.#recovery = { ...recovery, report: [...swept.removed, ...recovery.report] };
    void manager.#track(recovery.finish());
    return manager;
  }

  private constructor(options: NodeManagerOptions) {
    const logger = options.logger ?? silentLogger;
    this.#options = options;
    this.#ctx = {
      ...options,
      logger,
      clock: options.clock ?? systemClock,
      hub: new ChangeHub(),
      supervisor: new Supervisor((key, live) => recordExit(this.#ctx, instanceName(key), live), logger),
      launching: new KeyedMutex(),
      ending: new KeyedMutex(),
      closing: this.#closing.signal,
    };
    this.#startedAt = this.#ctx.clock.now();
  }

  install(origin: string, options: InstallOptions = {}): AsyncIterable<OperationEvent> {
    const task: Task = { name: origin, run: (o) => install(this.#ctx, origin, options, o) };
    return this.#operation("install", origin, options, async () => ({ single: true, tasks: [task] }));
  }

  start(name: string, options: OperationOptions = {}): AsyncIterable<OperationEvent> {
    return this.#onInstallations("start", name, options, (installation, o) =>
      start(this.#ctx, installation, options.requestId, o),
    );
  }

  suspend(name: string, options: EndOptions = {}): AsyncIterable<OperationEvent> {
    const { deadlineMs, requestId } = options;
    return this.#onInstances("suspend", name, ["starting", "running"], options, (instance, o) => {
      const suspension = {
        by: "operator" as const,
        why: "suspended by an operator",
        at: this.#ctx.clock.now(),
        ...(requestId === undefined ? {} : { requestId }),
      };
      return suspend(this.#ctx, instance, { ...o, deadlineMs, suspension });
    });
  }

  resume(name: string, options: OperationOptions = {}): AsyncIterable<OperationEvent> {
    return this.#onInstances("resume", name, ["suspended"], options, (instance, o) =>
      resume(this.#ctx, instance, options.requestId, o),
    );
  }

  restart(name: string, options: EndOptions = {}): AsyncIterable<OperationEvent> {
    return this.#onInstances("restart", name, ["running"], options, (instance, o) =>
      restart(this.#ctx, instance, { ...o, ...options, signal: o.signal }),
    );
  }

  stop(name: string, options: EndOptions = {}): AsyncIterable<OperationEvent> {
    const live = ["suspended", "starting", "running"] as const;
    return this.#onInstances("stop", name, live, options, (instance, o) =>
      stop(this.#ctx, instance, { ...o, ...options, signal: o.signal }),
    );
  }

  uninstall(name: string, options: EndOptions = {}): AsyncIterable<OperationEvent> {
    return this.#onInstallations("uninstall", name, options, (installation, o) =>
      uninstall(this.#ctx, installation, { ...o, ...options, signal: o.signal }),
    );
  }

  refresh(name: string, options: OperationOptions = {}): AsyncIterable<OperationEvent> {
    return this.#operation("refresh", name, options, async () => {
      const instances = await instancesIn(this.#ctx.root, name, () => true);
      const tasks = tasksFor(instances, (instance) => refreshInstance(this.#ctx, instance));
      if (parseName(name).kind === "instance") {
        return { single: true, tasks };
      }
      const installations = await installationsIn(this.#ctx.root, name);
      const asks = tasksFor(installations, (installation, o) => refreshInstallation(this.#ctx, installation, o));
      return { single: false, tasks: [...asks, ...tasks] };
    });
  }

  reset(options: EndOptions = {}): AsyncIterable<OperationEvent> {
    return this.#reset(options);
  }

  async *#reset(options: EndOptions): AsyncGenerator<OperationEvent> {
    let failed = false;
    for await (const event of this.uninstall("apps", options)) {
      failed ||= event.kind === "error";
      yield event;
    }
    if (!failed) {
      await this.#ctx.root.reset();
    }
  }

  shutdown(options: EndOptions = {}): AsyncIterable<OperationEvent> {
    return this.#shutdown(options);
  }

  async *#shutdown(options: EndOptions): AsyncGenerator<OperationEvent> {
    this.#refuseWhenClosing();
    this.#closing.abort(new NodeError("SHUTTING_DOWN", "the manager is shutting down"));
    // Launches have been told; ends go on to theirs.
    await Promise.allSettled(this.#underWay);
    await this.#ctx.supervisor.settled();
    if (this.#options.shutdownPolicy === "suspend") {
      const running = await instancesIn(this.#ctx.root, "apps", (record) => record.state === "running");
      const tasks = tasksFor(running, (instance, o) =>
        suspend(this.#ctx, instance, { ...o, deadlineMs: options.deadlineMs }),
      );
      yield* runBatch(tasks, { single: false, parallel: tasks.length, signal: new AbortController().signal });
    }
    this.#ctx.supervisor.detachAll();
    this.#ctx.hub.close();
    await this.#ctx.root[Symbol.asyncDispose]();
    this.#closed.resolve();
  }

  list(glob: string, signal?: AbortSignal): AsyncIterable<ObjectStatus> {
    return objects(this.#ctx.root, glob, signal);
  }

  status(glob: string, signal?: AbortSignal): AsyncIterable<ObjectStatus> {
    return objects(this.#ctx.root, glob, signal);
  }

  async *watch(glob: string, signal?: AbortSignal): AsyncGenerator<WatchEvent> {
    const matches = compileGlob(glob);
    const left = new AbortController();
    // Before the objects are read, so that no change falls in between.
    const changes = this.#ctx.hub.subscribe(signal ? AbortSignal.any([signal, left.signal]) : left.signal);
    try {
      for await (const object of objects(this.#ctx.root, glob, signal)) {
        yield { kind: "existing", object };
      }
      yield { kind: "synced" };
      for await (const name of changes) {
        if (!matches(name)) {
          continue;
        }
        const object = await objectStatus(this.#ctx.root, name);
        yield object ? { kind: "changed", object } : { kind: "removed", name };
      }
    } finally {
      left.abort();
    }
  }

  readLogs(name: string, options: LogOptions = {}): AsyncIterable<LogChunk> {
    return readLogs(this.#ctx.root, this.#ctx.hub, name, options);
  }

  debug(name: string): Promise<string> {
    return debug(this.#ctx, name);
  }

  async describe(): Promise<NodeDescription> {
    return {
      profiles: await this.#ctx.node.profiles(),
      specification: await this.#ctx.node.specification(),
      hostname: this.#ctx.node.hostname,
      version: this.#options.version,
      containment: this.#ctx.containment.kind,
    };
  }

  isRunnable(query: { profiles: readonly string[]; specification?: Specification | undefined }): Promise<Runnability> {
    return this.#ctx.node.isRunnable(query);
  }

  async managerStatus(): Promise<ManagerStatus> {
    const counts = { installations: 0, instances: 0, running: 0, broken: 0 };
    for await (const object of objects(this.#ctx.root, "**")) {
      if (object.kind === "installation") {
        counts.installations++;
      } else if (object.kind === "instance") {
        counts.instances++;
        counts.running += object.state === "running" ? 1 : 0;
      } else if (object.kind === "broken") {
        counts.broken++;
      }
    }
    return {
      version: this.#options.version,
      pid: process.pid,
      startedAt: this.#startedAt,
      root: this.#ctx.root.dir,
      shutdownPolicy: this.#options.shutdownPolicy,
      ...counts,
      recovery: this.#recovery.report,
      residentBytes: process.memoryUsage.rss(),
    };
  }

  /** Settles when everything that the start-up found has been dealt with. */
  async recovered(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  #onInstallations(
    verb: string,
    name: string,
    options: OperationOptions,
    work: Work<InstallationName>,
  ): AsyncIterable<OperationEvent> {
    return this.#operation(verb, name, options, async () => {
      const scope = await installationsIn(
        this.#ctx.root,
        name,
        (record) => verb !== "start" || record.state === "installed",
      );
      return { single: scope.single, tasks: tasksFor(scope, work) };
    });
  }

  #onInstances(
    verb: string,
    name: string,
    states: readonly string[],
    options: OperationOptions,
    work: Work<InstanceName>,
  ): AsyncIterable<OperationEvent> {
    return this.#operation(verb, name, options, async () => {
      const scope = await instancesIn(this.#ctx.root, name, (record) => states.includes(record.state));
      return { single: scope.single, tasks: tasksFor(scope, work) };
    });
  }

  #operation(
    verb: string,
    name: string,
    options: OperationOptions,
    find: () => Promise<{ single: boolean; tasks: readonly Task[] }>,
  ): AsyncIterable<OperationEvent> {
    return this.#requests.once(options.requestId, `${verb} ${name}`, () => this.#perform(options, find));
  }

  async *#perform(
    options: OperationOptions,
    find: () => Promise<{ single: boolean; tasks: readonly Task[] }>,
  ): AsyncGenerator<OperationEvent> {
    this.#refuseWhenClosing();
    const left = new AbortController();
    const signals = [this.#closing.signal, left.signal, ...(options.signal ? [options.signal] : [])];
    const { single, tasks } = await find();
    const tracked = tasks.map(({ name, run }) => ({ name, run: (o: TaskContext) => this.#track(run(o)) }));
    try {
      yield* runBatch(tracked, { single, parallel: PARALLEL, signal: AbortSignal.any(signals) });
    } finally {
      left.abort(new NodeError("CANCELLED", "nobody waits for the operation any more"));
    }
  }

  #track<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work);
    const done = () => this.#underWay.delete(work);
    work.then(done, done);
    return work;
  }

  #refuseWhenClosing(): void {
    if (this.#closing.signal.aborted) {
      throw new NodeError("SHUTTING_DOWN", "the manager is shutting down");
    }
  }
}

function tasksFor<Name extends InstallationName | InstanceName>(scope: Scope<Name>, work: Work<Name>): Task[] {
  return scope.names.map((name) => ({ name: formatName(name), run: (o) => work(name, o) }));
}

function instanceName(key: string): InstanceName {
  const name = parseName(key);
  if (name.kind !== "instance") {
    throw new Error(`${key} is not an instance`);
  }
  return name;
}
