import { spawn } from "node:child_process";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { type ObjectState, ObjectStatus, objectStateToJSON } from "@nodemanager/proto/v1";
import { mayEverybodyPass, type TempDir, tempDir } from "@nodemanager/testing";
import {
  type Counted,
  census,
  controlGroupOf,
  controlGroups,
  killAll,
  processesAt,
  removeControlGroups,
} from "./census.ts";
import { LongRunning } from "./long-running.ts";
import { checkBuilt, NMCTL, NODE, NODED, SCRIPT } from "./programs.ts";
import { type Ran, ranOf, run } from "./ran.ts";

/** Applications here are run by this clone's Node. In one that is closed to other users they run as the manager's. */
const ACCOUNTS: readonly string[] = mayEverybodyPass(NODE) ? [] : ["--account-range", "none"];

export interface DeviceOptions {
  /** For every noded that is started here, beside `--root`, `--listen` and `--ready-fd`. */
  readonly args?: readonly string[];
  /** Instead of the unix socket of the device's own. */
  readonly listen?: readonly string[];
  /** Instead of the programs that run out of the clone. */
  readonly programs?: Programs;
}

export interface Programs {
  readonly noded: string;
  readonly nmctl: string;
}

/** A device to play with: a scratch directory with a root in it, `noded` on it when it was started, and `nmctl`. */
export class Device implements AsyncDisposable {
  /** Short, passable for accounts that its installations have, removed in the end. */
  readonly dir: string;
  readonly root: string;
  /** Of its manager's unix socket. */
  readonly address: string;
  readonly #temp: TempDir;
  readonly #options: DeviceOptions;
  readonly #programs: Programs;
  #noded: LongRunning | undefined;

  /** A device on which nothing has been started. */
  static async make(options: DeviceOptions = {}): Promise<Device> {
    checkBuilt();
    const temp = await tempDir();
    chmodSync(temp.path, 0o711);
    return new Device(temp, options);
  }

  /** A device whose manager serves. */
  static async start(options: DeviceOptions = {}): Promise<Device> {
    const device = await Device.make(options);
    await device.startNoded();
    return device;
  }

  private constructor(temp: TempDir, options: DeviceOptions) {
    this.#temp = temp;
    this.#options = options;
    this.#programs = options.programs ?? { noded: NODED, nmctl: NMCTL };
    this.dir = temp.path;
    this.root = join(temp.path, "root");
    this.address = `unix:${join(temp.path, "s")}`;
  }

  /** What the programs here are run with: nothing of the caller's own settings. */
  get env(): NodeJS.ProcessEnv {
    return { PATH: process.env.PATH, HOME: this.dir, NMCTL_NODE: this.address };
  }

  /** The manager that was started last. */
  get noded(): LongRunning {
    if (!this.#noded) {
      throw new Error("no manager was started");
    }
    return this.#noded;
  }

  /** The arguments that a manager of this device gets, without the descriptor. */
  get nodedArgs(): readonly string[] {
    const { listen = [this.address], args = [] } = this.#options;
    return ["--root", this.root, ...listen.flatMap((address) => ["--listen", address]), ...ACCOUNTS, ...args];
  }

  async startNoded(...args: readonly string[]): Promise<LongRunning> {
    const all = [...this.nodedArgs, "--ready-fd", "3", ...args];
    const { program } = await LongRunning.start(this.#programs.noded, all, { env: this.env, cwd: this.dir });
    this.#noded = program;
    return program;
  }

  /** Runs a manager that is expected to end by itself. */
  async runNoded(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
    return await run(this.#programs.noded, args, { env: { ...this.env, ...env }, cwd: this.dir });
  }

  /** Runs a command to its end. */
  async nmctl(...args: readonly string[]): Promise<Ran> {
    return await run(this.#programs.nmctl, args, { env: this.env, cwd: this.dir });
  }

  /** Runs a command that must succeed, and gives what it wrote to stdout. */
  async ok(...args: readonly string[]): Promise<string> {
    const ran = await this.nmctl(...args);
    if (ran.code !== 0) {
      throw new Error(`nmctl ${args.join(" ")}: ${ran}`);
    }
    return ran.stdout.trimEnd();
  }

  /** Runs a command on a terminal of its own, where stdout and stderr are one. */
  async nmctlOnTerminal(...args: readonly string[]): Promise<Ran> {
    const quoted = [this.#programs.nmctl, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
    const env = { ...this.env, TERM: "xterm" };
    return await run(SCRIPT, ["-qec", `stty cols 120; exec ${quoted}`, "/dev/null"], { env, cwd: this.dir });
  }

  /** Starts a command that goes on until its end is asked for. */
  nmctlInBackground(...args: readonly string[]): Background {
    const child = spawn(this.#programs.nmctl, args, {
      env: this.env,
      cwd: this.dir,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const background = { text: "", ended: ranOf(child, 60_000), end: () => void child.kill("SIGTERM") };
    child.stdout.on("data", (text: string) => {
      background.text += text;
    });
    return background;
  }

  /** The objects that match, as `nmctl -o json status` has them. */
  async status(glob: string = "**"): Promise<ObjectStatus[]> {
    const list: unknown = JSON.parse(await this.ok("-o", "json", "status", glob));
    if (!Array.isArray(list)) {
      throw new Error(`not a list: ${JSON.stringify(list)}`);
    }
    return list.map((value: unknown) => ObjectStatus.fromJSON(value));
  }

  /** One object that must be there. */
  async object(name: string): Promise<ObjectStatus> {
    const [object] = await this.status(name);
    if (!object) {
      throw new Error(`there is no ${name}`);
    }
    return object;
  }

  async stateOf(name: string): Promise<string> {
    return stateName((await this.object(name)).state);
  }

  /** The pid of an instance that runs. */
  async pidOf(name: string): Promise<number> {
    const { object } = await this.object(name);
    const pid = object?.$case === "instance" ? object.value.pid : undefined;
    if (pid === undefined) {
      throw new Error(`${name} has no process`);
    }
    return pid;
  }

  /** The processes of this device's instances. */
  processes(): readonly Counted[] {
    return census(this.root);
  }

  /** Ends the manager and everything that it may have left, and removes the directory. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#noded?.[Symbol.asyncDispose]();
    await killAll(this.root);
    removeControlGroups(controlGroupOf(this.root));
    await this.#temp[Symbol.asyncDispose]();
  }

  /** Everything that runs in or for this device, and its control groups; for the end of a test. */
  leftRunning(): readonly string[] {
    return [...processesAt(this.dir), ...controlGroups(controlGroupOf(this.root))];
  }
}

export interface Background {
  /** What it has written to stdout. */
  readonly text: string;
  readonly ended: Promise<Ran>;
  end(): void;
}

/** `RUNNING`, without the prefix that protocol buffers want. */
export function stateName(state: ObjectState): string {
  return objectStateToJSON(state).replace("OBJECT_STATE_", "");
}
