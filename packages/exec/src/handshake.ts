import type { ExitStatus } from "@nodemanager/core";
import { decodeStatus, STATUS_MAX_BYTES, WireError } from "./wire.ts";

/**
 * What a child says on its status descriptor: `status` one line of the exec protocol, `newline` anything up to a newline
 * (the s6 convention).
 */
export type Dialect = "status" | "newline";

/** The most bytes before the newline that tells readiness by the `newline` dialect. */
export const NOTIFY_MAX_BYTES: number = 64 * 1024;

/** What became of the wait for a child. The first one counts. */
export type Outcome =
  | { readonly kind: "ready" }
  | { readonly kind: "failed"; readonly text: string }
  | { readonly kind: "malformed"; readonly problem: string }
  | { readonly kind: "exited"; readonly exit: ExitStatus }
  /** Nobody waits any more: out of time, cancelled or disposed. */
  | { readonly kind: "abandoned" };

/**
 * Where a handshake is.
 *
 * ```
 *             data (no newline yet)
 *               ┌──┐
 *               ▼  │    line, too long, exit, abandon
 *   waiting ────┴──┴────────────────────────────────► decided
 *      │                                                 ▲
 *      └── end of file ──► ended ── exit, silence, ──────┘
 *                                   abandon
 * ```
 *
 * End of file alone decides nothing: a process that dies closes its descriptors a moment before its exit is reported, and
 * the exit says more.
 */
export type HandshakeState =
  | { readonly kind: "waiting"; readonly received: Uint8Array }
  | { readonly kind: "ended"; readonly received: Uint8Array }
  | { readonly kind: "decided"; readonly outcome: Outcome };

export type HandshakeEvent =
  | { readonly kind: "data"; readonly bytes: Uint8Array }
  | { readonly kind: "end" }
  /** The process has ended, and all that it wrote before has been given as `data`. */
  | { readonly kind: "exit"; readonly exit: ExitStatus }
  /** It lives on, some time after the end of file. */
  | { readonly kind: "silence" }
  | { readonly kind: "abandon" };

export const INITIAL: HandshakeState = { kind: "waiting", received: new Uint8Array(0) };

/** The state after an event. Total: every event is allowed in every state, and `decided` is final. */
export function nextHandshake(state: HandshakeState, event: HandshakeEvent, dialect: Dialect): HandshakeState {
  if (state.kind === "decided") {
    return state;
  }
  switch (event.kind) {
    case "data":
      return state.kind === "ended" ? state : receive(state.received, event.bytes, dialect);
    case "end":
      return { kind: "ended", received: state.received };
    case "exit":
      return decided({ kind: "exited", exit: event.exit });
    case "silence":
      return state.kind === "ended" ? decided({ kind: "malformed", problem: endProblem(state.received) }) : state;
    case "abandon":
      return decided({ kind: "abandoned" });
  }
}

function receive(before: Uint8Array, bytes: Uint8Array, dialect: Dialect): HandshakeState {
  const newline = bytes.indexOf(0x0a);
  const max = dialect === "status" ? STATUS_MAX_BYTES : NOTIFY_MAX_BYTES;
  if (before.length + (newline < 0 ? bytes.length : newline + 1) > max) {
    return decided({ kind: "malformed", problem: `it wrote more than ${max} bytes without a newline` });
  }
  if (newline < 0) {
    return { kind: "waiting", received: Buffer.concat([before, bytes]) };
  }
  if (dialect === "newline") {
    return decided({ kind: "ready" });
  }
  try {
    return decided(decodeStatus(Buffer.concat([before, bytes.subarray(0, newline)])));
  } catch (error) {
    if (error instanceof WireError) {
      return decided({ kind: "malformed", problem: `it wrote ${error.message}` });
    }
    throw error;
  }
}

function endProblem(received: Uint8Array): string {
  return received.length === 0
    ? "it closed the descriptor without a word and runs on"
    : `it closed the descriptor after ${received.length} bytes without a newline and runs on`;
}

function decided(outcome: Outcome): HandshakeState {
  return { kind: "decided", outcome };
}
