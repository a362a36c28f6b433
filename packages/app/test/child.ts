import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";

const APPLICATION = join(import.meta.dirname, "fixtures/application.ts");

/** A process that runs the fixture, as a manager starts it; disposing it kills it. */
export class Child implements AsyncDisposable {
  readonly process: ChildProcess;
  /** Its status and signal. */
  readonly exited: Promise<readonly unknown[]>;
  /** What it writes to descriptor 4 until it closes it. */
  readonly status: Promise<string>;
  /** All that it writes to stderr. */
  readonly errors: Promise<string>;
  readonly lines: string[] = [];
  readonly #changed = new Set<() => void>();

  /** @param config - nothing for a process that no manager started, `gone` for a manager that ended meanwhile */
  constructor(behaviour: string, config: Readonly<Record<string, string>> | "gone" | undefined) {
    this.process = spawn(process.execPath, ["--conditions=@nodemanager/source", APPLICATION, behaviour], {
      stdio: ["pipe", "pipe", "pipe", "pipe", "pipe"],
      env: { PATH: process.env.PATH, ...(config && { NODED_EXEC_VERSION: "1" }) },
    });
    this.exited = once(this.process, "exit");
    const [, stdout, stderr, configPipe, statusPipe] = this.process.stdio;
    if (
      !stdout ||
      !stderr ||
      !("read" in stderr) ||
      !configPipe ||
      !("write" in configPipe) ||
      !statusPipe ||
      !("read" in statusPipe)
    ) {
      throw new Error("the pipes are missing");
    }
    createInterface({ input: this.process.stdout ?? process.stdin }).on("line", (line) => {
      this.lines.push(line);
      for (const changed of this.#changed) {
        changed();
      }
    });
    this.status = text(statusPipe);
    this.errors = text(stderr);
    if (config === "gone") {
      configPipe.end(frame("{}").subarray(0, 4));
    } else if (config) {
      configPipe.write(Buffer.concat([frame(JSON.stringify(config)), frame("secret")]));
    }
  }

  /** Waits until it has written the line to its stdout. */
  async says(line: string): Promise<void> {
    while (!this.lines.includes(line)) {
      await new Promise<void>((resolve, reject) => {
        this.#changed.add(resolve);
        this.process.once("exit", () =>
          reject(new Error(`it exited without saying ${line}: ${this.lines.join("; ")}`)),
        );
      });
    }
  }

  /** Lets its orderly stop go on. */
  goOn(): void {
    this.process.stdin?.write("go on\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill("SIGKILL");
    await this.exited;
  }
}

function frame(payload: string): Buffer {
  const bytes = Buffer.from(payload);
  const header = Buffer.alloc(8);
  header.writeBigUInt64BE(BigInt(bytes.length));
  return Buffer.concat([header, bytes]);
}
