import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CLONE } from "./programs.ts";

/** How a supervisor is called. */
export interface SupervisorKind {
  readonly name: "runit" | "s6";
  readonly needs: readonly string[];
  /** Runs in the foreground and keeps one service running. */
  readonly supervise: (dir: string) => readonly string[];
  /** Prints the pid of the service. */
  readonly pid: (dir: string) => readonly string[];
  /** Ends the service and then the supervisor. */
  readonly end: (dir: string) => readonly string[];
}

export const SUPERVISORS: readonly SupervisorKind[] = [
  {
    name: "runit",
    needs: ["/usr/bin/runsv", "/usr/bin/sv", "/usr/bin/chpst"],
    supervise: (dir) => ["runsv", dir],
    pid: (dir) => ["cat", join(dir, "supervise/pid")],
    end: (dir) => ["sv", "exit", dir],
  },
  {
    name: "s6",
    needs: ["/usr/bin/s6-supervise", "/usr/bin/s6-svc", "/usr/bin/s6-setuidgid"],
    supervise: (dir) => ["s6-supervise", dir],
    pid: (dir) => ["s6-svstat", "-o", "pid", dir],
    end: (dir) => ["s6-svc", "-xd", dir],
  },
];

/** Whether its programs are there; and only root can give a service to another user. */
export function canSupervise({ needs }: SupervisorKind): boolean {
  return process.getuid?.() === 0 && needs.every(existsSync);
}

/** The service of `examples`, with other places at the top of its script, under a real supervisor. */
export class Supervised implements AsyncDisposable {
  readonly dir: string;
  readonly #kind: SupervisorKind;
  readonly #env: NodeJS.ProcessEnv;
  readonly #supervisor: ChildProcess;

  /** @param places - what the script's variables are to be */
  static start(
    kind: SupervisorKind,
    dir: string,
    o: { readonly places: Readonly<Record<string, string>>; readonly env: NodeJS.ProcessEnv },
  ): Supervised {
    cpSync(join(CLONE, "examples", kind.name, "noded"), dir, { recursive: true });
    const script = join(dir, "run");
    let text = readFileSync(script, "utf8");
    for (const [name, value] of Object.entries(o.places)) {
      const line = new RegExp(`^${name}=.*$`, "m");
      if (!line.test(text)) {
        throw new Error(`${script} has no ${name}`);
      }
      text = text.replace(line, `${name}=${value}`);
    }
    writeFileSync(script, text);
    chmodSync(script, 0o755);
    return new Supervised(kind, dir, o.env);
  }

  private constructor(kind: SupervisorKind, dir: string, env: NodeJS.ProcessEnv) {
    this.dir = dir;
    this.#kind = kind;
    this.#env = env;
    const [command = "", ...args] = kind.supervise(dir);
    this.#supervisor = spawn(command, args, { env, stdio: "ignore" });
  }

  /** Runs a command of the supervisor's that must succeed. */
  control(...command: readonly string[]): string {
    const [program = "", ...args] = command;
    const { status, stdout, stderr } = spawnSync(program, args, { env: this.#env, encoding: "utf8", timeout: 60_000 });
    if (status !== 0) {
      throw new Error(`${command.join(" ")}: status ${status}\n${stdout}${stderr}`);
    }
    return stdout.trim();
  }

  /** Of the manager, as the supervisor has it. */
  get pid(): number {
    return Number(this.control(...this.#kind.pid(this.dir)));
  }

  /** Ends the service in order, and the supervisor. */
  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#supervisor, "close");
    this.control(...this.#kind.end(this.dir));
    await ended;
  }
}
