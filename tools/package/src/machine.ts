import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { runTool } from "./run-tool.ts";

/** What a command in the machine wrote, and how it ended. */
export interface Answer {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const BOOT_MS = 120_000;

/** A Debian that was booted in a container: an init, services, and a network of its own. */
export class Machine implements AsyncDisposable {
  readonly #dir: string;
  readonly #container: ChildProcess;
  readonly #init: number;

  /**
   * Boots a copy of `base` at `dir`, and waits until everything was started.
   *
   * @param network - the name of the network namespace that is its own
   */
  static async boot(base: string, dir: string, network: string): Promise<Machine> {
    rmSync(dir, { recursive: true, force: true });
    runTool("cp", ["-a", "--reflink=auto", base, dir]);
    // Neither is there a service manager to register with, nor a unit to make for it.
    const flags = ["--register=no", "--keep-unit", "--console=pipe", "--machine=nm-try"];
    flags.push(`--network-namespace-path=/run/netns/${network}`);
    const container = spawn("systemd-nspawn", [...flags, "--boot", "-D", dir], { stdio: "ignore" });
    try {
      const init = await until(BOOT_MS, "an init in the container", () => childOf(container));
      const machine = new Machine(dir, container, init);
      // "degraded" is the state of one in which something else than we did not start.
      await until(BOOT_MS, "a container whose services are started", () =>
        /^(?:running|degraded)/.test(machine.sh("systemctl is-system-running").stdout) ? true : undefined,
      );
      return machine;
    } catch (error) {
      container.kill("SIGKILL");
      throw error;
    }
  }

  private constructor(dir: string, container: ChildProcess, init: number) {
    this.#dir = dir;
    this.#container = container;
    this.#init = init;
  }

  /** Runs a line of shell in the machine, as root. */
  sh(line: string): Answer {
    const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/root", DEBIAN_FRONTEND: "noninteractive" };
    const enter = ["-t", String(this.#init), "-a", "/bin/sh", "-ec", line];
    const { status, stdout, stderr } = spawnSync("nsenter", enter, { env, encoding: "utf8", timeout: 300_000 });
    return { status, stdout: stdout.trim(), stderr: stderr.trim() };
  }

  /**
   * Runs a line of shell that must succeed, and gives what it wrote to stdout.
   *
   * @throws Error with what it wrote
   */
  ok(line: string): string {
    const { status, stdout, stderr } = this.sh(line);
    if (status !== 0) {
      throw new Error(`${line}: status ${status}\n${stdout}\n${stderr}`);
    }
    return stdout;
  }

  /** Asks again and again until the line succeeds; gives what it wrote. */
  async eventually(line: string, timeoutMs: number = 30_000): Promise<string> {
    return await until(timeoutMs, line, () => {
      const { status, stdout } = this.sh(line);
      return status === 0 ? stdout : undefined;
    });
  }

  /** Powers it off and removes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#container, "close");
    this.#container.kill("SIGTERM");
    const timer = setTimeout(() => this.#container.kill("SIGKILL"), 30_000);
    await ended;
    clearTimeout(timer);
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

async function until<T>(timeoutMs: number, what: string, look: () => T | undefined): Promise<T> {
  for (const end = Date.now() + timeoutMs; Date.now() < end; ) {
    const found = look();
    if (found !== undefined) {
      return found;
    }
    await sleep(200);
  }
  throw new Error(`in ${timeoutMs / 1000} s there was not: ${what}`);
}

/** The only child of a container's process is the init in it. */
function childOf({ pid }: ChildProcess): number | undefined {
  try {
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
    return child ? Number(child) : undefined;
  } catch {
    return undefined;
  }
}
