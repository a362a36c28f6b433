import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hasReason } from "@nodemanager/core";
import type { ObjectStatus } from "@nodemanager/proto/v1";
import { openRepository, parseRepositoryAddress, publish } from "@nodemanager/repository";
import { connectNode, type NodeClient } from "@nodemanager/rpc/client";
import { type TempDir, tarOf, tempDir } from "@nodemanager/testing";
import { parseAddress } from "@nodemanager/transport";
import { HANDSHAKING } from "./applications.ts";
import { census, controlGroupOf, controlGroups, killAll, removeControlGroups } from "./census.ts";
import type { KillPoint } from "./kill-fs.ts";
import { LongRunning } from "./long-running.ts";
import type { PlantedBug } from "./planted-bug.ts";
import { CLONE, NODE } from "./programs.ts";

const PROGRAM = join(import.meta.dirname, "killing-noded.ts");
const PLAIN = "#!/bin/sh\ntrap 'exit 0' TERM; sleep 600 & wait\n";
const TITLE = "killed";
const TIMEOUT_MS = 30_000;
const AFTER_ANSWER_MS = 50;
/** How a manager ends that has moved to another version of itself. */
const RESTART = 100;

export interface WorldOptions {
  readonly shutdownPolicy: "suspend" | "leave";
  /** What is run: a shell script with readiness `none` unless told otherwise. */
  readonly readiness?: "none" | "handshake";
  readonly bug?: PlantedBug | undefined;
  /** Further arguments and variables of the manager, for one that moves itself; found out at each start. */
  readonly own?: ((world: KillWorld) => OwnStart) | undefined;
}

/** How a manager that moves itself is started. */
export interface OwnStart {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** A root on which a manager is killed again and again, and the calls that are made of it. */
export class KillWorld implements AsyncDisposable {
  readonly root: string;
  readonly #temp: TempDir;
  readonly #options: WorldOptions;
  #daemon: LongRunning | undefined;
  #client: NodeClient | undefined;
  #published = 0;

  static async make(options: WorldOptions): Promise<KillWorld> {
    const temp = await tempDir();
    await chmod(temp.path, 0o711);
    return new KillWorld(temp, options);
  }

  private constructor(temp: TempDir, options: WorldOptions) {
    this.#temp = temp;
    this.#options = options;
    this.root = join(temp.path, "root");
  }

  /** Starts a manager and waits until it has recovered. @returns false when it was killed before that */
  async start(killedAt?: KillPoint): Promise<boolean> {
    const { shutdownPolicy, bug } = this.#options;
    const own = this.#options.own?.(this);
    const args = ["--conditions=@nodemanager/source", "--disable-warning=ExperimentalWarning", PROGRAM];
    args.push("--root", this.root, "--listen", this.address, "--shutdown-policy", shutdownPolicy);
    args.push("--ready-fd", "3", ...(own?.args ?? []));
    const env = {
      PATH: process.env.PATH,
      NODE_COMPILE_CACHE: join(CLONE, ".cache/e2e"),
      ...(killedAt && { NM_KILL: words(killedAt) }),
      ...(bug && { NM_BUG: bug }),
      ...own?.env,
    };
    this.#client?.close();
    try {
      const { program } = await LongRunning.start(NODE, args, { env, cwd: this.#temp.path, stdin: true });
      this.#daemon = program;
      this.#client = connectNode(parseAddress(this.address));
      await program.says("stderr", '"recovered"');
      return true;
    } catch (error) {
      if (killedAt) {
        return false;
      }
      throw error;
    }
  }

  /** Everything of this world is below it. */
  get dir(): string {
    return this.#temp.path;
  }

  get address(): string {
    return `unix:${this.#temp.path}/s`;
  }

  get daemon(): LongRunning {
    if (!this.#daemon) {
      throw new Error("no manager was started");
    }
    return this.#daemon;
  }

  get client(): NodeClient {
    if (!this.#client) {
      throw new Error("no manager was started");
    }
    return this.#client;
  }

  /** From now on the manager's steps count, and it dies at one of them. */
  async arm(point: KillPoint): Promise<void> {
    this.daemon.write(`arm ${words(point)}\n`);
    await this.daemon.says("stdout", `arm ${words(point)}\n`);
  }

  /**
   * Publishes a program that was never published before, so that an installation has to fetch it: a file, or one of those
   * in an archive.
   *
   * @returns the origin
   */
  async publishAnew(as: "file" | "archive" = "file"): Promise<string> {
    const version = `1.0.${++this.#published}`;
    const path = join(this.#temp.path, "app");
    const isPlain = this.#options.readiness !== "handshake";
    const program = `${isPlain ? PLAIN : HANDSHAKING}# ${version}\n`;
    await writeFile(path, as === "file" ? program : archiveOf(program), { mode: 0o755 });
    const repository = `file:${this.#temp.path}/repo`;
    await using to = await openRepository(parseRepositoryAddress(repository));
    const { profiles } = await this.client.node.describe({});
    const readiness = isPlain ? ({ kind: "none", settleMs: 0 } as const) : ({ kind: "handshake" } as const);
    const description = { version, readiness, stop: { graceMs: 5000 }, soakMs: 20 };
    const common = { to, application: TITLE, profiles: profiles.slice(0, 1) };
    await publish(
      as === "file"
        ? { ...common, file: path, description }
        : {
            ...common,
            packages: { app: { path, format: "tar" } },
            description: { ...description, command: "app/bin/run" },
          },
    );
    return `${repository}/${TITLE}@${version}`;
  }

  async objects(): Promise<ObjectStatus[]> {
    const objects: ObjectStatus[] = [];
    for await (const { object } of this.client.applications.status({ glob: "**" })) {
      if (object) {
        objects.push(object);
      }
    }
    return objects;
  }

  async installations(): Promise<ObjectStatus[]> {
    return (await this.objects()).filter(({ object }) => object?.$case === "installation");
  }

  async instances(): Promise<ObjectStatus[]> {
    return (await this.objects()).filter(({ object }) => object?.$case === "instance");
  }

  /** Carries out a call on objects. @returns the names of what it made or did; throws the first failure */
  async call(events: AsyncIterable<CallEvent>): Promise<string[]> {
    const names: string[] = [];
    for await (const { event } of events) {
      if (event?.event?.$case === "outcome") {
        names.push(event.event.value.name);
      } else if (event?.event?.$case === "error") {
        throw new Error(`${event.name}: ${event.event.value.message}`);
      }
    }
    return names;
  }

  /** As {@link call}, for a call on a manager that may die of it. @returns whether it was acknowledged */
  async acknowledged(events: AsyncIterable<CallEvent>): Promise<boolean> {
    try {
      return (await this.call(events)).length > 0;
    } catch (error) {
      if (hasReason(error, "NODE_UNAVAILABLE", "INTERNAL", "CANCELLED") && (await this.#diesWithin(TIMEOUT_MS))) {
        return false;
      }
      throw error;
    }
  }

  /**
   * Whether the manager is not to be killed any more: steps may follow the last answer. One that has ended in order is
   * followed by another one.
   */
  async survives(): Promise<boolean> {
    if (await this.#diesWithin(AFTER_ANSWER_MS)) {
      return (await this.#endedInOrder()) && (await this.start());
    }
    try {
      await this.arm({ step: 0, when: "before", reads: false });
      return true;
    } catch (error) {
      if (this.daemon.hasEnded) {
        return false;
      }
      throw error;
    }
  }

  /** Ends the manager in order, with everything that runs. */
  async shutDown(): Promise<void> {
    await this.call(this.client.applications.uninstall({ name: "apps" }));
    const { code } = await this.daemon.end();
    const left = [...census(this.root), ...controlGroups(controlGroupOf(this.root))];
    if (code !== 0 || left.length > 0) {
      throw new Error(`the manager ended with status ${code} and left ${JSON.stringify(left)}`);
    }
  }

  /** Waits for the end of a manager that was asked to end. @returns whether it was not killed before */
  async endsInOrder(): Promise<boolean> {
    await this.daemon.ended;
    return await this.#endedInOrder();
  }

  async #endedInOrder(): Promise<boolean> {
    const { code } = await this.daemon.ended;
    return code === 0 || code === RESTART;
  }

  async #diesWithin(ms: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([this.daemon.ended, late]);
    clearTimeout(timer);
    return this.daemon.hasEnded;
  }

  /** Ends the manager and everything that runs, whoever knows it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#client?.close();
    await this.#daemon?.end("SIGKILL");
    await killAll(this.root);
    removeControlGroups(controlGroupOf(this.root));
    await this.#temp[Symbol.asyncDispose]();
  }
}

/** Few files: each of them and each directory is some steps. */
function archiveOf(program: string): Uint8Array {
  return tarOf({ name: "bin/run", mode: 0o755, content: program }, { name: "words", content: "words" });
}

interface CallEvent {
  readonly event?:
    | {
        readonly name: string;
        readonly event?:
          | { readonly $case: "progress" }
          | { readonly $case: "outcome"; readonly value: { readonly name: string } }
          | { readonly $case: "error"; readonly value: { readonly message: string } }
          | undefined;
      }
    | undefined;
}

function words({ step, when, reads }: KillPoint): string {
  return `${step} ${when} ${reads ? "reads" : "changes"}`;
}
