import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { Ran } from "./ran.ts";

const READY_FD = 3;
const TIMEOUT_MS = 30_000;

/** A program that runs until it is told to end, and says on descriptor 3 that it serves. */
export class LongRunning implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #text: { stdout: string; stderr: string };
  /** Settles when it has ended and everything it wrote was read. */
  readonly ended: Promise<Ran>;

  /** Starts a program and waits until it serves. What it said on the descriptor is `said`. */
  static async start(
    file: string,
    args: readonly string[],
    o: { readonly env?: NodeJS.ProcessEnv; readonly cwd?: string; readonly stdin?: boolean },
  ): Promise<{ readonly program: LongRunning; readonly said: string }> {
    const { stdin = false, ...options } = o;
    const child = spawn(file, args, { ...options, stdio: [stdin ? "pipe" : "ignore", "pipe", "pipe", "pipe"] });
    const program = new LongRunning(child);
    const said = await program.#ready();
    return { program, said };
  }

  private constructor(child: ChildProcess) {
    this.#child = child;
    const text = { stdout: "", stderr: "" };
    this.#text = text;
    for (const stream of ["stdout", "stderr"] as const) {
      child[stream]?.setEncoding("utf8").on("data", (chunk: string) => {
        text[stream] += chunk;
      });
    }
    this.ended = once(child, "close").then(
      () => new Ran({ code: child.exitCode, signal: child.signalCode, ...this.#text }),
    );
  }

  get pid(): number {
    if (this.#child.pid === undefined) {
      throw new Error("it was never started");
    }
    return this.#child.pid;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** What it has written until now. */
  get stdout(): string {
    return this.#text.stdout;
  }
  get stderr(): string {
    return this.#text.stderr;
  }

  write(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Waits until it has written a text. */
  async says(stream: "stdout" | "stderr", text: string): Promise<void> {
    const said = Promise.withResolvers<void>();
    const look = () => {
      if (this.#text[stream].includes(text)) {
        said.resolve();
      }
    };
    look();
    this.#child[stream]?.on("data", look);
    const failed = this.ended.then((ran) => {
      throw new Error(`it ended before it said ${text}: ${ran}`);
    });
    try {
      await this.#inTime(Promise.race([said.promise, failed]), `say ${text}`);
    } finally {
      this.#child[stream]?.off("data", look);
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Asks it to end, and waits for that. */
  async end(signal: NodeJS.Signals = "SIGTERM"): Promise<Ran> {
    this.#child.kill(signal);
    return await this.#inTime(this.ended, "end");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.hasEnded) {
      await this.end().catch(() => this.end("SIGKILL"));
    }
  }

  async #ready(): Promise<string> {
    const descriptor = this.#child.stdio[READY_FD] as Readable;
    const line = Promise.withResolvers<string>();
    let said = "";
    descriptor.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (said.includes("\n")) {
        line.resolve(said.trimEnd());
      }
    });
    const failed = this.ended.then((ran) => {
      throw new Error(`it did not come to serve: ${ran}`);
    });
    return await this.#inTime(Promise.race([line.promise, failed]), "serve");
  }

  async #inTime<T>(work: Promise<T>, what: string): Promise<T> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      this.#child.kill("SIGKILL");
      late.reject(new Error(`it did not ${what} within ${TIMEOUT_MS} ms: ${this.stderr}`));
    }, TIMEOUT_MS);
    try {
      return await Promise.race([work, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }
}
