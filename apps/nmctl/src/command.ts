import type { Session } from "./connection/session.ts";
import type { Arguments } from "./grammar/arguments.ts";
import type { Io } from "./io.ts";
import type { Output } from "./output.ts";
import type { Terminal } from "./render/terminal.ts";

/** What a command is given. */
export interface Invocation {
  /** Its words, as in `repository serve`. */
  readonly command: string;
  readonly args: Arguments;
  readonly session: Session;
  /** Where to say what is not data. */
  readonly terminal: Terminal;
  readonly io: Io;
  /** Aborts with the reason for which the command is to end: interrupted, timed out, nobody reads. */
  readonly signal: AbortSignal;
  /** Whether errors of objects are printed as data, too: in JSON and YAML. */
  readonly errorsAreData: boolean;
}

/**
 * Does the work and returns what is to be printed. What it iterates does the rest of the work.
 *
 * @throws NodeError
 */
export type Command = (invocation: Invocation) => Output | Promise<Output>;
