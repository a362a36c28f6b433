import { decodeEnvelope, type Envelope, NodeError } from "@nodemanager/core";
import type {
  EndOptions,
  InstallOptions,
  LogChunk,
  LogOptions,
  ManagerStatus,
  MoveOptions,
  NodeDescription,
  NodeManagerApi,
  ObjectStatus,
  OperationEvent,
  OperationOptions,
  Runnability,
  Specification,
  TidyOptions,
  TidyReport,
  UpdateOptions,
  WatchEvent,
} from "@nodemanager/manager";

/** One call that a service made. */
export interface Call {
  readonly method: string;
  readonly name: string;
  readonly options: UpdateOptions & InstallOptions & LogOptions & TidyOptions & { readonly origin?: string };
}

/** A manager without a node: it does what a test tells it, and remembers what it was asked. */
export class MemoryManager implements NodeManagerApi {
  readonly calls: Call[] = [];
  /** What every operation does. */
  operation: (name: string, options: OperationOptions) => AsyncIterable<OperationEvent> = succeed;
  objects: ObjectStatus[] = [];
  changes: (signal: AbortSignal | undefined) => AsyncIterable<WatchEvent> = async function* () {};
  logs: (options: LogOptions) => AsyncIterable<LogChunk> = async function* () {};
  /** What everything that is not an operation fails with, if anything. */
  failure: Error | undefined;

  install = (origin: string, options?: InstallOptions) => this.#operate("install", origin, options);
  start = (name: string, options?: OperationOptions) => this.#operate("start", name, options);
  suspend = (name: string, options?: EndOptions) => this.#operate("suspend", name, options);
  resume = (name: string, options?: OperationOptions) => this.#operate("resume", name, options);
  restart = (name: string, options?: EndOptions) => this.#operate("restart", name, options);
  refresh = (name: string, options?: OperationOptions) => this.#operate("refresh", name, options);
  stop = (name: string, options?: EndOptions) => this.#operate("stop", name, options);
  update = (name: string, options?: UpdateOptions) => this.#operate("update", name, options);
  updateTo = (name: string, origin: string, options?: UpdateOptions) =>
    this.#operate("updateTo", name, { ...options, origin });
  revert = (name: string, options?: MoveOptions) => this.#operate("revert", name, options);
  uninstall = (name: string, options?: EndOptions) => this.#operate("uninstall", name, options);
  reset = (options?: EndOptions) => this.#operate("reset", "", options);
  updateManager = (options?: OperationOptions) => this.#operate("updateManager", "", options);
  revertManager = (options?: OperationOptions) => this.#operate("revertManager", "", options);
  shutdown = (options?: EndOptions) => this.#operate("shutdown", "", options);

  async tidy(options: TidyOptions = {}): Promise<TidyReport> {
    this.#asked("tidy", "", options);
    return { removed: ["version 1.0.0 of apps/shop/x, 7 bytes"], freedBytes: 2 ** 33 };
  }

  list = (glob: string, signal?: AbortSignal) => this.#read("list", glob, signal);
  status = (glob: string, signal?: AbortSignal) => this.#read("status", glob, signal);

  async *watch(glob: string, signal?: AbortSignal): AsyncGenerator<WatchEvent> {
    this.#asked("watch", glob, { signal });
    yield* this.changes(signal);
  }

  async *readLogs(name: string, options: LogOptions = {}): AsyncGenerator<LogChunk> {
    this.#asked("readLogs", name, options);
    yield* this.logs(options);
  }

  async debug(name: string): Promise<string> {
    this.#asked("debug", name);
    return `about ${name}`;
  }

  async describe(): Promise<NodeDescription> {
    this.#asked("describe");
    return DESCRIPTION;
  }

  async isRunnable(query: {
    profiles: readonly string[];
    specification?: Specification | undefined;
  }): Promise<Runnability> {
    this.#asked("isRunnable", JSON.stringify(query));
    return { runnable: query.profiles.includes("linux-amd64"), reason: "because" };
  }

  async managerStatus(): Promise<ManagerStatus> {
    this.#asked("managerStatus");
    return MANAGER_STATUS;
  }

  async *#operate(method: string, name: string, options: Call["options"] = {}): AsyncGenerator<OperationEvent> {
    this.calls.push({ method, name, options });
    yield* this.operation(name, options);
  }

  async *#read(method: string, glob: string, signal: AbortSignal | undefined): AsyncGenerator<ObjectStatus> {
    this.#asked(method, glob, { signal });
    yield* this.objects;
  }

  #asked(method: string, name: string = "", options: Call["options"] = {}): void {
    this.calls.push({ method, name, options });
    if (this.failure) {
      throw this.failure;
    }
  }
}

/** An operation that works. */
async function* succeed(name: string): AsyncGenerator<OperationEvent> {
  yield { kind: "progress", name, phase: "working", done: 1, goal: 2, unit: "tasks" };
  yield { kind: "outcome", name, object: `${name}/made`, note: "" };
}

/** An operation that fails, as a whole. */
export function fail(error: Error): MemoryManager["operation"] {
  // biome-ignore lint/correctness/useYield: it fails before it yields
  return async function* () {
    throw error;
  };
}

export const NOT_THERE: NodeError = new NodeError("INSTANCE_NOT_FOUND", "there is no instance x", {
  metadata: { name: "x" },
});

export const ENVELOPE: Envelope = decodeEnvelope(
  { title: "shop", version: "1.2.3", binary: { sha256: "0".repeat(64), sizeBytes: 7 }, env: { A: "b" } },
  "the test",
);

export const DESCRIPTION: NodeDescription = {
  profiles: ["linux-amd64-glibc", "linux-amd64"],
  specification: {
    format: "ELF",
    os: "linux",
    arch: "amd64",
    libc: { family: "glibc", version: "2.36" },
    libraries: [{ name: "ssl", version: "3" }],
  },
  hostname: "device-7",
  version: "1.0.0",
  containment: "cgroup2",
  isolation: "user",
};

export const MANAGER_STATUS: ManagerStatus = {
  version: "1.0.0",
  pid: 17,
  startedAt: new Date("2026-11-22T09:15:00.000Z"),
  root: "/var/lib/noded",
  shutdownPolicy: "suspend",
  installations: 1,
  instances: 2,
  running: 1,
  broken: 0,
  recovery: ["resumed 1 instance"],
  residentBytes: 2 ** 33,
  origin: "file:/repository/manager",
  workspace: "0002-20261122T091500Z",
  previousVersion: "0.9.0",
  healthy: true,
  lastUpdate: {
    state: "fell-back",
    fromWorkspace: "0002-20261122T091500Z",
    fromVersion: "1.0.0",
    toWorkspace: "0003-20261122T101500Z",
    toVersion: "1.1.0",
    at: new Date("2026-11-22T10:15:00.000Z"),
    why: "it did not become healthy in 3 starts",
    requestId: "r-1",
  },
};
