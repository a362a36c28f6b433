import { chmod, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { type Clock, type ProcessIdentity, systemClock } from "@nodemanager/core";
import { Containment, isAlive, readProcessIdentity, selfIdentity } from "@nodemanager/exec";
import { openRoot, type Root } from "@nodemanager/layout";
import {
  type InstallationStatus,
  type InstallOptions,
  type InstanceStatus,
  NodeManager,
  type NodeManagerOptions,
  type ObjectStatus,
  type OperationEvent,
  type SelfUpdateSetup,
  type ShutdownPolicy,
} from "@nodemanager/manager";
import { computeSpecification } from "@nodemanager/profile";
import { readNodeFacts } from "@nodemanager/profile/facts";
import { openRepository } from "@nodemanager/repository";
import { collect, type TempDir, tempDir } from "@nodemanager/testing";
import { PROFILE, type Publication, publication } from "./applications.ts";
import { CrashableFs } from "./crashable-fs.ts";
import { lineAppCycle, lineCallbacks } from "./ports.ts";

export interface TestNodeOptions
  extends Partial<Pick<NodeManagerOptions, "openRepository" | "maxBinaryBytes" | "maxPackageBytes" | "accounts">> {
  readonly policy?: ShutdownPolicy;
  readonly clock?: Clock;
  /** What its managers need to move themselves. */
  readonly selfUpdate?: (dir: string) => SelfUpdateSetup;
  /** Without control groups, also where there are any. */
  readonly uncontained?: boolean;
}

/** A node with a root of its own, in which managers come and go. */
export class TestNode implements AsyncDisposable {
  readonly #temp: TempDir;
  readonly #options: TestNodeOptions;
  #manager: NodeManager | undefined;
  #root: Root | undefined;
  #disk = new CrashableFs();
  /** Everything that ever ran here, so that nothing outlives a test that failed. */
  readonly #processes: ProcessIdentity[] = [];
  readonly #containment: Containment;

  static async open(options: TestNodeOptions = {}): Promise<TestNode> {
    const temp = await tempDir();
    await chmod(temp.path, options.accounts ? 0o711 : 0o700);
    // A name of its own: what a start-up finds under it and does not know is ended.
    const containment = options.uncontained
      ? Containment.none()
      : await Containment.detect({ name: `noded-test-${basename(temp.path)}` });
    const node = new TestNode(temp, options, containment);
    await node.reopen();
    return node;
  }

  private constructor(temp: TempDir, options: TestNodeOptions, containment: Containment) {
    this.#temp = temp;
    this.#containment = containment;
    this.#options = options;
  }

  get manager(): NodeManager {
    if (!this.#manager) {
      throw new Error("the node has no manager now");
    }
    return this.#manager;
  }

  get root(): Root {
    if (!this.#root) {
      throw new Error("the node has no root now");
    }
    return this.#root;
  }

  get dir(): string {
    return join(this.#temp.path, "root");
  }

  /** Starts a manager on the root, and waits until it has dealt with what it found. */
  async reopen(options: { readonly policy?: ShutdownPolicy; readonly wait?: boolean } = {}): Promise<NodeManager> {
    this.#disk = new CrashableFs();
    const clock = this.#options.clock ?? systemClock;
    const passable = this.#options.accounts !== undefined;
    this.#root = await openRoot(this.dir, { self: selfIdentity(), isAlive, passable, clock, fs: this.#disk.fs });
    this.#manager = await NodeManager.open({
      root: this.#root,
      version: "1.2.3",
      node: {
        hostname: "here",
        profiles: async () => [PROFILE],
        specification: async () => computeSpecification(await readNodeFacts()),
        isRunnable: async ({ profiles }) => ({ runnable: profiles.includes(PROFILE), reason: "asked" }),
      },
      containment: this.#containment,
      callbacks: lineCallbacks,
      appCycle: lineAppCycle,
      accounts: this.#options.accounts,
      openRepository: this.#options.openRepository ?? ((address) => openRepository(address, {})),
      shutdownPolicy: options.policy ?? this.#options.policy ?? "suspend",
      maxBinaryBytes: this.#options.maxBinaryBytes ?? 1024 * 1024 * 1024,
      maxPackageBytes: this.#options.maxPackageBytes,
      selfUpdate: this.#options.selfUpdate?.(this.#temp.path),
      clock,
    });
    if (options.wait !== false) {
      await this.#manager.recovered();
    }
    return this.#manager;
  }

  /** Fills the disk, or frees it. */
  fillDisk(isFull: boolean): void {
    this.#disk.isFull = isFull;
  }

  /** The disk says that so much is free. */
  setFreeBytes(bytes: number | undefined): void {
    this.#disk.freeBytes = bytes;
  }

  /** The manager is gone from one moment to the next; what it ran runs on. */
  async crash(): Promise<void> {
    await this.#note();
    await this.root[Symbol.asyncDispose]();
    this.#disk.die();
    this.#manager = undefined;
    this.#root = undefined;
  }

  async shutdown(): Promise<OperationEvent[]> {
    await this.#note();
    const events = await collect(this.manager.shutdown());
    this.#manager = undefined;
    this.#root = undefined;
    return events;
  }

  async install(o: Publication, options: InstallOptions = {}): Promise<string> {
    return await objectOf(this.manager.install(await publication(o), options));
  }

  async start(installation: string, requestId?: string): Promise<string> {
    return await objectOf(this.manager.start(installation, { requestId }));
  }

  /** An installation with one running instance. */
  async running(o: Publication): Promise<{ installation: string; instance: string; pid: number }> {
    const installation = await this.install(o);
    const instance = await this.start(installation);
    return { installation, instance, pid: await this.pid(instance) };
  }

  async status(name: string): Promise<ObjectStatus> {
    const [object, ...others] = await collect(this.manager.status(name));
    if (!object || others.length > 0) {
      throw new Error(`${name} is ${others.length + (object ? 1 : 0)} objects`);
    }
    return object;
  }

  async instance(name: string): Promise<InstanceStatus> {
    const object = await this.status(name);
    if (object.kind !== "instance") {
      throw new Error(`${name} is ${object.kind}`);
    }
    return object;
  }

  async installation(name: string): Promise<InstallationStatus> {
    const object = await this.status(name);
    if (object.kind !== "installation") {
      throw new Error(`${name} is ${object.kind}`);
    }
    return object;
  }

  async state(name: string): Promise<string> {
    return (await this.instance(name)).state;
  }

  async pid(name: string): Promise<number> {
    const { pid } = await this.instance(name);
    if (pid === undefined) {
      throw new Error(`${name} has no process`);
    }
    this.#remember(pid);
    return pid;
  }

  async names(glob: string): Promise<string[]> {
    return (await collect(this.manager.list(glob))).map((object) => object.name);
  }

  /** Waits, by watching, until an object is as wanted. */
  async until(name: string, isSo: (object: ObjectStatus) => boolean): Promise<ObjectStatus>;
  async until(name: string, state: InstanceStatus["state"]): Promise<InstanceStatus>;
  async until(name: string, wanted: string | ((object: ObjectStatus) => boolean)): Promise<ObjectStatus> {
    const isSo = (object: ObjectStatus) =>
      typeof wanted === "function" ? wanted(object) : object.kind === "instance" && object.state === wanted;
    for await (const event of this.manager.watch(name)) {
      if ((event.kind === "existing" || event.kind === "changed") && isSo(event.object)) {
        return event.object;
      }
    }
    throw new Error("the manager ended");
  }

  /** Waits for the first instance of an installation to appear. */
  async firstInstance(installation: string): Promise<string> {
    for await (const event of this.manager.watch(`${installation}/*`)) {
      if ((event.kind === "existing" || event.kind === "changed") && event.object.kind === "instance") {
        return event.object.name;
      }
    }
    throw new Error("the manager ended");
  }

  /** A file in an instance's workspace; empty when it is not there. */
  async workspaceFile(instance: string, file: string): Promise<string> {
    return await readFile(join((await this.instance(instance)).rootDir, file), "utf8").catch(() => "");
  }

  async writeToWorkspace(instance: string, file: string): Promise<void> {
    await writeFile(join((await this.instance(instance)).rootDir, file), "");
  }

  /** Everything on disk, with sizes. */
  async listing(): Promise<string[]> {
    const names = await readdir(this.dir, { recursive: true });
    const lines = names.map(
      async (name) => `${name} ${(await stat(join(this.dir, name)).catch(() => undefined))?.size}`,
    );
    return (await Promise.all(lines)).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (!this.#manager) {
        await this.reopen();
      }
      await this.#note();
      await collect(this.manager.reset({ deadlineMs: 0 }));
      await collect(this.manager.shutdown({ deadlineMs: 0 }));
    } finally {
      for (const { pid } of this.#processes.filter(isAlive)) {
        process.kill(-pid, "SIGKILL");
      }
      await this.#containment[Symbol.asyncDispose]();
      await this.#temp[Symbol.asyncDispose]();
    }
  }

  async #note(): Promise<void> {
    for await (const object of this.manager.list("**")) {
      if (object.kind === "instance" && object.pid !== undefined) {
        this.#remember(object.pid);
      }
    }
  }

  #remember(pid: number): void {
    const identity = readProcessIdentity(pid);
    if (identity) {
      this.#processes.push(identity);
    }
  }
}

/** The object that an operation on one object came to. */
export async function objectOf(events: AsyncIterable<OperationEvent>): Promise<string> {
  const end = (await collect(events)).at(-1);
  if (end?.kind !== "outcome") {
    throw new Error(`it did not come to an outcome but to ${end?.kind}`);
  }
  return end.object;
}

/** How a batch ended: each object's name with `outcome` or the reason, sorted by name. */
export async function endsOf(events: AsyncIterable<OperationEvent>): Promise<Record<string, string>> {
  const ends: [string, string][] = [];
  for await (const event of events) {
    if (event.kind !== "progress") {
      ends.push([event.name, event.kind === "error" ? event.error.reason : "outcome"]);
    }
  }
  return Object.fromEntries(ends.sort());
}

export function isRunning(pid: number): boolean {
  return readProcessIdentity(pid) !== undefined;
}
