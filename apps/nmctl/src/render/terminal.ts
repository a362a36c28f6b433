import { once } from "node:events";
import { fromErrno, isErrno, type NodeError } from "@nodemanager/core";
import type { Io, OutputStream } from "../io.ts";
import { printable } from "./printable.ts";

/**
 * The two streams as one: data goes to stdout, everything else to stderr, and what is drawn on a terminal to be
 * replaced later (progress bars) is out of the way of both.
 */
export class Terminal {
  readonly #io: Io;
  readonly #unread = new AbortController();
  #failure: NodeError | undefined;
  #live = 0;

  constructor(io: Io) {
    this.#io = io;
    io.stdout.on("error", (error) => {
      if (!isErrno(error, "EPIPE", "ERR_STREAM_DESTROYED")) {
        this.#failure ??= fromErrno(error, "writing the output");
      }
      this.#unread.abort();
    });
    // Nobody is left to be told.
    io.stderr.on("error", () => {});
  }

  /** Aborts when nobody reads stdout any more. */
  get unread(): AbortSignal {
    return this.#unread.signal;
  }

  /** Why data could not be written, for another reason than that nobody reads it: a full disk, say. */
  get failure(): NodeError | undefined {
    return this.#failure;
  }

  /** Whether bars can be drawn. */
  get hasProgress(): boolean {
    return this.#io.stderr.isTTY === true && this.#io.env.TERM !== "dumb";
  }

  /** Whether data goes to a terminal that shows colours and is not told not to: https://no-color.org. */
  get hasColour(): boolean {
    const { NO_COLOR, TERM } = this.#io.env;
    return this.#io.stdout.isTTY === true && (NO_COLOR ?? "") === "" && TERM !== "dumb";
  }

  /** How many columns data may have; as many as it wants when it does not go to a terminal. */
  get width(): number {
    return this.#io.stdout.isTTY ? this.#io.stdout.columns || 80 : Number.POSITIVE_INFINITY;
  }

  get progressWidth(): number {
    return this.#io.stderr.columns || 80;
  }

  /** Writes data and waits until the stream takes more. */
  async data(chunk: string | Uint8Array): Promise<void> {
    if (this.#unread.signal.aborted) {
      return;
    }
    this.live([]);
    if (!this.#io.stdout.write(chunk) && !this.#io.stdout.destroyed) {
      await once(this.#io.stdout, "drain", { signal: this.#unread.signal }).catch(() => {});
    }
  }

  /** Says something to people, on lines of its own. Nothing in it can command the terminal. */
  say(text: string): void {
    this.live([]);
    this.#io.stderr.write(`${text.split("\n").map(printable).join("\n")}\n`);
  }

  /** Draws these lines in place of the ones before; each has to fit. */
  live(lines: readonly string[]): void {
    if (this.#live === 0 && lines.length === 0) {
      return;
    }
    const up = this.#live > 0 ? `\u001b[${this.#live}A\r` : "";
    this.#io.stderr.write(`${up}\u001b[0J${lines.map((line) => `${printable(line)}\n`).join("")}`);
    this.#live = lines.length;
  }

  /** Waits until everything has left the process. */
  async flush(): Promise<void> {
    this.live([]);
    await Promise.all([flushed(this.#io.stdout), flushed(this.#io.stderr)]);
  }
}

async function flushed(stream: OutputStream): Promise<void> {
  if (stream.destroyed || stream.writableLength === 0) {
    return;
  }
  await new Promise<void>((resolve) => {
    stream.once("error", () => resolve());
    stream.write("", () => resolve());
  });
}
