import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";

/** A unix socket's path has to fit in 107 bytes; a clone may lie deep. */
const DEEPEST_CLONE = 50;

/** What the tour plays on: a scratch directory, the processes it started, and how its commands are shown. */
export class Stage implements AsyncDisposable {
  readonly dir: string;
  readonly #clone: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #started = new Map<string, ChildProcess>();

  static async set(clone: string): Promise<Stage> {
    const cache = join(clone, ".cache");
    mkdirSync(cache, { recursive: true });
    const parent = clone.length > DEEPEST_CLONE ? tmpdir() : cache;
    const dir = await mkdtemp(join(parent, "demo-"));
    // For root's manager runs applications as other users.
    chmodSync(dir, 0o711);
    return new Stage(clone, dir);
  }

  private constructor(clone: string, dir: string) {
    this.#clone = clone;
    this.dir = dir;
    this.#env = { ...process.env, NMCTL_NODE: `unix:${join(dir, "noded.sock")}` };
  }

  /** A heading of the tour. */
  readonly say = (text: string): void => {
    process.stdout.write(`\n\n== ${text}\n`);
  };

  /** Something that is not a command, and what came of it. */
  show(what: string, text: string): void {
    process.stdout.write(`\n# ${what}\n${text}`);
  }

  /** Runs a command of nmctl as a user would, and gives what it wrote to stdout. */
  readonly nmctl = async (...args: readonly string[]): Promise<string> => {
    process.stdout.write(`\n$ nmctl ${args.map(quoted).join(" ")}\n`);
    return await this.#ok(args, (text) => process.stdout.write(text));
  };

  /** Runs a command of nmctl that has to fail. */
  async refused(...args: readonly string[]): Promise<void> {
    process.stdout.write(`\n$ nmctl ${args.map(quoted).join(" ")}\n`);
    const { code } = await this.#run(args, (text) => process.stdout.write(text));
    if (code === 0) {
      throw new Error(`nmctl ${args.join(" ")} did not fail`);
    }
    process.stdout.write(`(exit status ${code})\n`);
  }

  async startNoded(): Promise<void> {
    const args = ["--root", join(this.dir, "root"), "--listen", `unix:${join(this.dir, "noded.sock")}`];
    if (!mayEverybodyPass(this.dir) || !mayEverybodyPass(this.#clone)) {
      args.push("--account-range", "none");
    }
    process.stdout.write(`\n$ noded ${args.join(" ")} &\n`);
    await this.#start("noded", [...args, "--log-level", "warn", "--ready-fd", "3"]);
  }

  /** @returns the address of a repository on loopback */
  async startRepository(): Promise<string> {
    const args = ["repository", "serve", join(this.dir, "repository"), "--listen", "127.0.0.1:0"];
    process.stdout.write(`\n$ nmctl ${args.join(" ")} &\n`);
    const { stderr } = await this.#start("nmctl", [...args, "--ready-fd", "3"]);
    const [, address] = /(grpc:127\.0\.0\.1:\d+)/.exec(stderr()) ?? [];
    if (address === undefined) {
      throw new Error(`the repository did not say where it serves: ${stderr()}`);
    }
    process.stdout.write(`${stderr()}`);
    return address;
  }

  async stopRepository(): Promise<void> {
    this.#started.get("nmctl")?.kill("SIGTERM");
    await this.endOf("nmctl");
  }

  async endOf(name: string): Promise<void> {
    const child = this.#started.get(name);
    if (child && child.exitCode === null && child.signalCode === null) {
      await once(child, "exit");
    }
    this.#started.delete(name);
  }

  /** Kills an instance's process behind the manager's back, and waits until the manager says what became of it. */
  async killAndWait(instance: string, state: string): Promise<void> {
    const document: unknown = JSON.parse(await this.#ok(["-o", "json", "status", instance], () => {}));
    const pid = JSON.stringify(document).match(/"pid":(\d+)/)?.[1];
    const watching = spawn(this.#program("nmctl"), ["-o", "json", "watch", instance], {
      env: this.#env,
      // Ending it is what it would complain of.
      stdio: ["ignore", "pipe", "ignore"],
    });
    process.stdout.write(`\n$ kill -9 ${pid}\n`);
    process.kill(Number(pid), "SIGKILL");
    for await (const line of watching.stdout) {
      if (String(line).toUpperCase().includes(state.toUpperCase())) {
        break;
      }
    }
    watching.kill("SIGTERM");
    await once(watching, "exit");
  }

  /** The processes that still work in the scratch directory. */
  leftovers(): string[] {
    return readdirSync("/proc")
      .filter((name) => /^[0-9]+$/.test(name) && Number(name) !== process.pid)
      .map((pid) => `${pid} ${readOr(`/proc/${pid}/cmdline`).replaceAll("\0", " ")}`)
      .filter((line) => line.includes(this.dir));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const [name, child] of this.#started) {
      child.kill("SIGTERM");
      await this.endOf(name);
    }
    rmSync(this.dir, { recursive: true, force: true });
  }

  async #ok(args: readonly string[], show: (text: string) => void): Promise<string> {
    const { code, output } = await this.#run(args, show);
    if (code !== 0) {
      throw new Error(`nmctl ${args.join(" ")} ended with status ${code}`);
    }
    return output;
  }

  async #run(
    args: readonly string[],
    show: (text: string) => void,
  ): Promise<{ readonly code: number | null; readonly output: string }> {
    const child = spawn(this.#program("nmctl"), args, { env: this.#env, stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      show(text);
    });
    await once(child, "close");
    return { code: child.exitCode, output };
  }

  /** Starts a program that stays, and returns when it says that it is ready. */
  async #start(name: "noded" | "nmctl", args: readonly string[]): Promise<{ stderr: () => string }> {
    const child = spawn(this.#program(name), args, { env: this.#env, stdio: ["ignore", "ignore", "pipe", "pipe"] });
    this.#started.set(name, child);
    let stderr = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    const ready = child.stdio[3] as Readable;
    const first = await Promise.race([once(ready, "data"), once(child, "exit")]);
    if (!Buffer.isBuffer(first[0])) {
      throw new Error(`${name} did not start: ${stderr}`);
    }
    return { stderr: () => stderr };
  }

  #program(name: "noded" | "nmctl"): string {
    return join(this.#clone, `apps/${name}/bin/${name}`);
  }
}

/** Whether other users get to a directory: in a clone below root's home they do not. */
function mayEverybodyPass(dir: string): boolean {
  const parent = dirname(dir);
  return (statSync(dir).mode & 0o001) !== 0 && (parent === dir || mayEverybodyPass(parent));
}

function quoted(word: string): string {
  const shown = word.length > 60 ? `${word.trim().slice(0, 40).split("\n")[0]}...` : word;
  return /^[A-Za-z0-9_@%+=:,./*-]+$/.test(shown) ? shown : `'${shown}'`;
}

function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
