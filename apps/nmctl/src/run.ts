import { NodeError } from "@nodemanager/core";
import { Session } from "./connection/session.ts";
import { EXIT_CODES, exitCodeOf } from "./exit-code.ts";
import { type CommandLine, parseCommandLine } from "./grammar/command-line.ts";
import { type CommandSpec, commandName } from "./grammar/command-spec.ts";
import type { Io } from "./io.ts";
import { loadCommand } from "./load-command.ts";
import { complaint } from "./render/complaint.ts";
import { type Format, render } from "./render/renderer.ts";
import { Terminal } from "./render/terminal.ts";

const TIMEOUT_MS = 30_000;

/**
 * Runs one command line, without the name of the program.
 *
 * @returns the exit status; everything has been written
 */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const terminal = new Terminal(io);
  let line: CommandLine;
  try {
    line = parseCommandLine(argv);
  } catch (error) {
    return await usage(error, undefined, terminal);
  }
  const { spec, help, args } = line;
  if (!spec || help) {
    const { manual } = await import("./help/manual.ts");
    await terminal.data(manual(spec, args.operands));
    await terminal.flush();
    if (terminal.failure) {
      return await complain("help", terminal.failure, terminal);
    }
    return argv.length === 0 ? EXIT_CODES.usage : EXIT_CODES.done;
  }
  return await runCommand(spec, args, terminal, io);
}

async function runCommand(spec: CommandSpec, args: CommandLine["args"], terminal: Terminal, io: Io): Promise<number> {
  const format = formatOf(args.text("output"));
  using ends = endsOf(spec, args.number("timeout"), terminal, io);
  const { signal } = ends;
  using session = new Session(args, io, signal);
  const command = commandName(spec);
  try {
    const start = await loadCommand(command);
    const errorsAreData = format === "json" || format === "yaml";
    const output = await start({ command, args, session, terminal, io, signal, errorsAreData });
    await render(output, format, terminal);
    await terminal.flush();
    if (terminal.failure) {
      throw terminal.failure;
    }
    return output.exitCode?.() ?? EXIT_CODES.done;
  } catch (thrown) {
    if (!terminal.failure && terminal.unread.aborted && signal.aborted) {
      // As a pipeline wants it: who reads no further has what it wanted.
      return EXIT_CODES.done;
    }
    const error = terminal.failure ?? (signal.aborted && signal.reason instanceof NodeError ? signal.reason : thrown);
    if (isUsage(error)) {
      return await usage(error, spec, terminal);
    }
    const object = args.operands.length === 1 ? args.operands[0] : undefined;
    return await complain([command, ...args.operands].join(" "), error, terminal, object);
  }
}

async function complain(what: string, error: unknown, terminal: Terminal, object?: string): Promise<number> {
  terminal.say(complaint(what, error, object));
  await terminal.flush();
  return exitCodeOf(error);
}

/** Aborts when the command is to end before it has: interrupted, out of time, or nobody reads what it finds out. */
function endsOf(
  spec: CommandSpec,
  timeoutMs: number | undefined,
  terminal: Terminal,
  io: Io,
): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  const ms = timeoutMs ?? (spec.endless ? undefined : TIMEOUT_MS);
  const timer =
    ms === undefined
      ? undefined
      : setTimeout(
          () => controller.abort(new NodeError("DEADLINE_EXCEEDED", `it was not done within ${ms} ms`)),
          ms,
        ).unref();
  const onInterrupted = () => controller.abort(new NodeError("CANCELLED", "it was interrupted"));
  const onUnread = () => {
    if (!spec.mutates) {
      controller.abort(new NodeError("CANCELLED", "nobody reads the output any more"));
    }
  };
  if (io.interrupted.aborted) {
    onInterrupted();
  }
  io.interrupted.addEventListener("abort", onInterrupted, { once: true });
  terminal.unread.addEventListener("abort", onUnread, { once: true });
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      clearTimeout(timer);
      io.interrupted.removeEventListener("abort", onInterrupted);
      terminal.unread.removeEventListener("abort", onUnread);
    },
  };
}

/** Says what was wrong with the command line, and where it is explained. */
async function usage(error: unknown, spec: CommandSpec | undefined, terminal: Terminal): Promise<number> {
  if (!(error instanceof NodeError)) {
    throw error;
  }
  const command = spec ? commandName(spec) : error.metadata.command;
  const where = command === undefined ? "nmctl help" : `nmctl help ${command}`;
  terminal.say(`nmctl: ${error.message} (${error.reason})\n  try: ${where}`);
  await terminal.flush();
  return exitCodeOf(error);
}

function isUsage(error: unknown): boolean {
  return error instanceof NodeError && error.reason === "INVALID_ARGUMENT";
}

function formatOf(text: string | undefined): Format {
  return text === "json" || text === "yaml" || text === "name" ? text : "table";
}
