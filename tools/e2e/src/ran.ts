import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

/** How a program ended and what it wrote. */
export class Ran {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;

  constructor(o: { code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string }) {
    this.code = o.code;
    this.signal = o.signal;
    this.stdout = o.stdout;
    this.stderr = o.stderr;
  }

  /**
   * The reason of a failure: that of the last error in `-o json` output, else the one that nmctl ends its sentence with;
   * empty when there is none.
   */
  get reason(): string {
    const asData = [...this.stdout.matchAll(/"reason":\s*"([A-Z_]+)"/g)].at(-1)?.[1];
    return asData ?? [...this.stderr.matchAll(/\(([A-Z_]+)\)$/gm)].at(-1)?.[1] ?? "";
  }

  /** For a failed expectation. */
  toString(): string {
    return `status ${this.code ?? this.signal}\nstdout: ${this.stdout}\nstderr: ${this.stderr}`;
  }
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** After so long it is killed, and the run fails. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 60_000;

/** Runs a program to its end. */
export async function run(file: string, args: readonly string[], o: RunOptions = {}): Promise<Ran> {
  const child = spawn(file, args, { env: o.env, cwd: o.cwd, stdio: ["ignore", "pipe", "pipe"] });
  return await ranOf(child, o.timeoutMs ?? TIMEOUT_MS);
}

/** Waits for a program's end and collects what it writes until then. */
export async function ranOf(child: ChildProcess, timeoutMs: number): Promise<Ran> {
  const text = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream]?.setEncoding("utf8").on("data", (chunk: string) => {
      text[stream] += chunk;
    });
  }
  const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
  await once(child, "close");
  clearTimeout(timer);
  return new Ran({ code: child.exitCode, signal: child.signalCode, ...text });
}
