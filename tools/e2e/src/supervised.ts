import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { NodeServiceStatusResponse } from "@nodemanager/proto/v1";
import { Device } from "./device.ts";
import { LongRunning } from "./long-running.ts";
import { managerOrigin, managerText } from "./manager-versions.ts";
import { NODE, RUNSV } from "./programs.ts";

const TIMEOUT_MS = 60_000;
const LOOK_MS = 50;

export interface SupervisedOptions {
  /** Which version the device comes with. */
  readonly version?: string;
  /** Further arguments of noded, in the service. */
  readonly args?: readonly string[];
  readonly trialTimeoutMs?: number;
  readonly healthyWithinMs?: number;
}

/** A device whose manager is one script, started through the current link, again and again, by a real supervisor. */
export class Supervised implements AsyncDisposable {
  readonly device: Device;
  /** The current link. */
  readonly link: string;
  /** What the link points to at first. */
  readonly factory: string;
  readonly #options: SupervisedOptions;
  readonly #byHand = new AsyncDisposableStack();
  #runsv: ChildProcess | undefined;

  /** A device that is switched off. */
  static async make(o: SupervisedOptions = {}): Promise<Supervised> {
    return new Supervised(await Device.make(), o);
  }

  /** A device that is switched on. */
  static async start(o: SupervisedOptions = {}): Promise<Supervised> {
    const supervised = await Supervised.make(o);
    await supervised.switchOn();
    return supervised;
  }

  private constructor(device: Device, o: SupervisedOptions) {
    const { version = "1.0.0" } = o;
    this.#options = o;
    this.device = device;
    this.factory = join(device.dir, "factory", "noded");
    this.link = join(device.dir, "etc", "current");
    mkdirSync(dirname(this.factory));
    mkdirSync(dirname(this.link));
    writeFileSync(this.factory, managerText(version));
    chmodSync(this.factory, 0o755);
    symlinkSync("../factory/noded", this.link);
  }

  /** All the arguments of noded. */
  args(origin: string = managerOrigin(this.device)): readonly string[] {
    const { args = [], trialTimeoutMs = 30_000, healthyWithinMs = 30_000 } = this.#options;
    return [
      ...["run", "--root", this.device.root, "--listen", this.device.address],
      ...["--current-link", this.link, "--origin", origin],
      ...["--healthy-after-ms", "300", "--healthy-within-ms", String(healthyWithinMs)],
      ...["--trial-timeout-ms", String(trialTimeoutMs), ...args],
    ];
  }

  /** What a manager that is started here has in its environment. */
  get env(): NodeJS.ProcessEnv {
    return { ...this.device.env, PATH: `${dirname(NODE)}:${process.env.PATH}` };
  }

  /** Starts the manager that the device came with, by hand and not through the link. */
  async startByHand(args: readonly string[] = this.args()): Promise<LongRunning> {
    const { program } = await LongRunning.start(this.factory, [...args, "--ready-fd", "3"], {
      env: this.env,
      cwd: this.device.dir,
    });
    this.#byHand.use(program);
    return program;
  }

  /** Starts the supervisor, and waits until a manager serves. */
  async switchOn(): Promise<void> {
    const service = join(this.device.dir, "service");
    mkdirSync(service, { recursive: true });
    const quoted = [this.link, ...this.args()].map((word) => `'${word}'`).join(" ");
    writeFileSync(join(service, "run"), `#!/bin/sh\nexec ${quoted} 2>>'${this.logFile}'\n`);
    chmodSync(join(service, "run"), 0o755);
    this.#runsv = spawn(RUNSV, [service], { env: this.env, stdio: "ignore" });
    await this.until(() => true);
  }

  /** Ends the supervisor and with it the manager, in order. */
  async switchOff(): Promise<void> {
    if (this.#runsv && this.#runsv.exitCode === null && this.#runsv.signalCode === null) {
      const ended = once(this.#runsv, "exit");
      this.#runsv.kill("SIGTERM");
      await ended;
    }
    this.#runsv = undefined;
  }

  get logFile(): string {
    return join(this.device.dir, "log");
  }

  /** What the managers have written. */
  get log(): string {
    return readFileSync(this.logFile, "utf8");
  }

  /** What the link points to. */
  get current(): string {
    return readlinkSync(this.link);
  }

  /** The manager, as `nmctl status nm` has it. */
  async status(): Promise<NodeServiceStatusResponse> {
    return NodeServiceStatusResponse.fromJSON(JSON.parse(await this.device.ok("-o", "json", "status", "nm")));
  }

  /** Waits until a manager serves that is as wanted. */
  async until(isSo: (manager: NodeServiceStatusResponse) => boolean): Promise<NodeServiceStatusResponse> {
    const deadline = performance.now() + TIMEOUT_MS;
    let last = "";
    while (performance.now() < deadline) {
      const ran = await this.device.nmctl("-o", "json", "status", "nm");
      last = `${ran}`;
      if (ran.code === 0) {
        const manager = NodeServiceStatusResponse.fromJSON(JSON.parse(ran.stdout));
        if (isSo(manager)) {
          return manager;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    throw new Error(`the manager did not come to be as wanted: ${last}\n${this.log}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.switchOff();
    await this.#byHand.disposeAsync();
    await this.device[Symbol.asyncDispose]();
  }
}
