import type { Writable } from "node:stream";

/** Everything that the program touches of the process it runs in; `main.ts` gives the real one, tests give their own. */
export interface Io {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
  /** The wall clock, in milliseconds since 1970. */
  readonly now: () => number;
  /** Aborts when the user asks to end, by Ctrl-C or SIGTERM. */
  readonly interrupted: AbortSignal;
}

/** A stream that may be a terminal. */
export type OutputStream = Writable & { readonly isTTY?: boolean | undefined; readonly columns?: number | undefined };
