import type { Socket } from "node:net";
import type { ExitStatus } from "@nodemanager/core";
import {
  type Dialect,
  type HandshakeEvent,
  type HandshakeState,
  INITIAL,
  nextHandshake,
  type Outcome,
} from "./handshake.ts";

/** How long after an end of file the exit may be reported: a process with much memory takes a while to die. */
const SILENCE_MS = 300;

/**
 * The parent's end of a child's status descriptor. It is closed as soon as the outcome is decided, so that a child that
 * reports later gets EPIPE.
 */
export class StatusChannel {
  readonly outcome: Promise<Outcome>;
  readonly #socket: Socket;
  readonly #dialect: Dialect;
  #state: HandshakeState = INITIAL;
  #decide: (outcome: Outcome) => void = () => {};
  #silence: NodeJS.Timeout | undefined;

  constructor(socket: Socket, dialect: Dialect) {
    this.outcome = new Promise((resolve) => {
      this.#decide = resolve;
    });
    this.#socket = socket;
    this.#dialect = dialect;
    socket.on("data", (bytes: Buffer) => this.#on({ kind: "data", bytes }));
    // A connection that is reset has ended too.
    socket.on("error", () => this.#on({ kind: "end" }));
    socket.on("end", () => this.#on({ kind: "end" }));
  }

  /** The process has ended. What it wrote before is read first; what a descendant of it still holds open is not waited for. */
  exited(exit: ExitStatus): void {
    // What was written before the exit is already in the socket, and the event loop reads it in its next round at the
    // latest: the second immediate runs after that.
    setImmediate(() => setImmediate(() => this.#on({ kind: "exit", exit })));
  }

  /** Nobody waits any more. */
  abandon(): void {
    this.#on({ kind: "abandon" });
  }

  #on(event: HandshakeEvent): void {
    const before = this.#state;
    this.#state = nextHandshake(before, event, this.#dialect);
    if (this.#state.kind === "ended" && before.kind !== "ended") {
      this.#silence = setTimeout(() => this.#on({ kind: "silence" }), SILENCE_MS);
    }
    if (this.#state.kind === "decided" && before.kind !== "decided") {
      clearTimeout(this.#silence);
      this.#socket.destroy();
      this.#decide(this.#state.outcome);
    }
  }
}
