import { readFileSync } from "node:fs";
import {
  abortable,
  type Clock,
  deadlineSignal,
  describeExit,
  type ExitStatus,
  NodeError,
  newId,
  type ProcessIdentity,
  type Readiness,
  systemClock,
} from "@nodemanager/core";
import { removeGroup } from "./cgroup.ts";
import { type Command, type Protocol, SHELL, STUB } from "./command.ts";
import type { Containment } from "./containment.ts";
import type { Outcome } from "./handshake.ts";
import { lastLines } from "./last-lines.ts";
import { type GatedChild, launchGated } from "./launch.ts";
import { acceptsTcp, answersHttp, probeUntil } from "./probe.ts";
import { isAlive, readProcessStat } from "./process-identity.ts";
import { StatusChannel } from "./status-channel.ts";
import { terminate } from "./terminate.ts";
import { type ExecConfig, encodeConfig, WireError } from "./wire.ts";

export interface SpawnOptions {
  readonly protocol: Protocol;
  /** With control groups the process is in one of its own before this returns. */
  readonly containment?: Containment;
  /** A FIFO whose write end the child holds; made if it is missing. */
  readonly lifelinePath?: string | undefined;
  /** `NODED_LAUNCH_ID`, and the name of the control group; random unless given. */
  readonly launchId?: string | undefined;
  /** The caller's own descriptors, which the child gets as 5 and following. They stay the caller's to close. */
  readonly extraFiles?: readonly number[];
}

export interface ReadyOptions {
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock;
}

/**
 * A child and what its parent holds of it.
 *
 * ```
 *   spawn ──► gated ── release ──► runs ── waitForReady ──► ready ── detach ──► lives on
 *               │                    │                        │
 *               └── dispose, or the parent's death: it ends   └── dispose: all of it is killed
 * ```
 *
 * Until {@link release} the process is a shell that waits; if this process dies before that, by whatever signal, it sees
 * the end of file and exits. After it, it lives on without its parent.
 */
export class ParentHandle implements AsyncDisposable {
  readonly identity: ProcessIdentity;
  /** The directory of its control group, if it has one of its own. */
  readonly cgroup: string | undefined;
  readonly launchId: string;
  /** Fulfilled when the process has ended; never rejected. Descendants may live on. */
  readonly exited: Promise<ExitStatus>;
  readonly #command: Command;
  readonly #protocol: Protocol;
  readonly #launched: GatedChild;
  readonly #status: StatusChannel | undefined;
  /** Fulfilled when the child has closed its end of the gate: the stub is about to exec, or is dead. */
  readonly #gateClosed: Promise<void>;
  #released = false;
  #detached = false;

  private constructor(
    command: Command,
    options: SpawnOptions,
    launched: GatedChild,
    named: { launchId: string; identity: ProcessIdentity; cgroup: string | undefined },
  ) {
    this.identity = named.identity;
    this.cgroup = named.cgroup;
    this.launchId = named.launchId;
    this.#command = command;
    this.#protocol = options.protocol;
    this.#launched = launched;
    this.#status =
      launched.status && new StatusChannel(launched.status, options.protocol === "fd" ? "newline" : "status");
    this.exited = launched.exited.then((exit) => {
      launched.gate.destroy();
      this.#status?.exited(exit);
      return exit;
    });
    this.#gateClosed = new Promise((resolve) => {
      launched.gate.once("close", resolve);
      launched.gate.resume();
    });
  }

  /**
   * Starts a command gated: its process exists and has its identity, its control group, logs and environment, and waits.
   *
   * @throws NodeError `SPAWN_FAILED` when it can be known that the program would not run, `INVALID_ARGUMENT`,
   *   `OUT_OF_DESCRIPTORS`; `DISK_FULL` and the like when a log cannot be opened. No process is left then.
   */
  static async spawn(command: Command, options: SpawnOptions): Promise<ParentHandle> {
    const launchId = options.launchId ?? newId();
    // Also refuses an id that cannot name a group.
    options.containment?.group(launchId);
    const launched = await launchGated(command, {
      protocol: options.protocol,
      launchId,
      lifelinePath: options.lifelinePath,
      extraFiles: options.extraFiles ?? [],
      containment: options.containment,
    });
    using _unplaced = launched.unplaced;
    try {
      // Read before the event loop runs: until then not even a process that died at once has been waited for.
      const stat = readProcessStat(launched.pid);
      if (!stat) {
        throw new NodeError("INTERNAL", `/proc does not show the process ${launched.pid} that was just started`);
      }
      const cgroup = launched.birthplace ?? (await options.containment?.enter(launchId, launched.pid));
      return new ParentHandle(command, options, launched, { launchId, identity: stat.identity, cgroup });
    } catch (error) {
      launched.gate.destroy();
      launched.status?.destroy();
      launched.child.kill("SIGKILL");
      await launched.exited;
      const group = launched.birthplace ?? options.containment?.group(launchId);
      if (group !== undefined) {
        removeGroup(group);
      }
      throw error instanceof NodeError
        ? error
        : new NodeError("SPAWN_FAILED", `${command.file} cannot be put into its control group`, { cause: error });
    }
  }

  /**
   * Opens the gate: the program begins. Once; again changes nothing. That the process has died meanwhile is no error
   * here: {@link waitForReady} and {@link exited} say so.
   *
   * @param config - for the protocol `handshake`; empty unless given
   * @throws NodeError `INVALID_ARGUMENT` when the configuration is too long; the gate is still closed then
   */
  async release(config: ExecConfig = { values: {}, secret: "" }): Promise<void> {
    const frames = this.#protocol === "handshake" ? encodeForChild(config) : new Uint8Array(0);
    if (this.#released) {
      return;
    }
    this.#released = true;
    // What the child does not read at once stays in the socket's queue: this does not wait for it.
    this.#launched.gate.end(Buffer.concat([Buffer.from("go\n"), frames]));
  }

  /**
   * Waits until the child is ready in the given way, at most its `timeoutMs`. A child that ends before is reported at
   * once, whatever its descendants hold open. A child that reports after the time gets EPIPE, and changes nothing.
   * The process is left as it is, also on failure.
   *
   * `appcycle` is `handshake` here: the rest of it is between the child and the callback.
   *
   * @throws NodeError `CHILD_EXITED` (metadata: `status`, `lastLines`, and `code` or `signal`), `CHILD_REPORTED_FAILURE`
   *   (metadata: `text`), `CHILD_PROTOCOL_ERROR`, `CHILD_NOT_READY`; `NOT_APPLICABLE` when it was not spawned with the
   *   protocol that this readiness needs; `CANCELLED` or the signal's error
   */
  async waitForReady(readiness: Readiness, options: ReadyOptions = {}): Promise<void> {
    const needed = protocolFor(readiness);
    if (needed !== "none" && needed !== this.#protocol) {
      throw new NodeError(
        "NOT_APPLICABLE",
        `readiness ${readiness.kind} needs the protocol ${needed}, the process was started with ${this.#protocol}`,
      );
    }
    const clock = options.clock ?? systemClock;
    const over = new AbortController();
    const signal = options.signal ? AbortSignal.any([over.signal, options.signal]) : over.signal;
    const timeout = clock.sleep(readiness.timeoutMs, signal).then(() => {
      throw new NodeError("CHILD_NOT_READY", `not ready by ${readiness.kind} within ${readiness.timeoutMs} ms`, {
        metadata: { readiness: readiness.kind, timeoutMs: String(readiness.timeoutMs) },
      });
    });
    try {
      await Promise.race([this.#becomeReady(readiness, clock, signal), timeout]);
    } finally {
      over.abort();
      this.#status?.abandon();
    }
    // What has said that it is ready may be dead by now.
    if (!isAlive(this.identity)) {
      throw await this.#exitError(await this.exited);
    }
  }

  /**
   * Waits until the process has ended.
   *
   * @throws NodeError `DEADLINE_EXCEEDED` after `timeoutMs`; it runs on then, and can be waited for again
   */
  async wait(
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<ExitStatus> {
    if (options.timeoutMs === undefined) {
      return await abortable(this.exited, options.signal);
    }
    const { timeoutMs } = options;
    using deadline = deadlineSignal(
      timeoutMs,
      () => new NodeError("DEADLINE_EXCEEDED", `process ${this.identity.pid} did not end within ${timeoutMs} ms`),
      options.signal,
    );
    return await abortable(this.exited, deadline.signal);
  }

  /** The last lines that this process, and not an earlier one, wrote to its logs: see `lastLines`. */
  async lastLines(): Promise<string> {
    return await lastLines(this.#command.stdoutPath, this.#command.stderrPath, this.#launched.logOffsets);
  }

  /**
   * Lets the process live on when this one ends, and this one end while it lives. {@link exited} still works. Before
   * {@link release} it closes the gate for good, and the process ends.
   */
  detach(): void {
    this.#detached = true;
    this.#status?.abandon();
    if (!this.#released) {
      this.#launched.gate.destroy();
    }
    this.#launched.gate.unref();
    this.#launched.child.unref();
  }

  /** Kills all of it, unless it was detached. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#detached) {
      return;
    }
    await terminate(this, { signal: "SIGKILL", graceMs: 0 });
    this.#status?.abandon();
    this.#launched.gate.destroy();
  }

  async #becomeReady(readiness: Readiness, clock: Clock, signal: AbortSignal): Promise<void> {
    switch (readiness.kind) {
      case "fd":
      case "handshake":
      case "appcycle":
        return await this.#settle((await this.#status?.outcome) ?? { kind: "abandoned" });
      case "none":
        return await this.#unlessExited(this.#settled(readiness.settleMs, clock, signal));
      case "tcp": {
        const { host, port } = readiness;
        return await this.#unlessExited(probeUntil((attempt) => acceptsTcp(host, port, attempt), clock, signal));
      }
      case "http": {
        const { url } = readiness;
        return await this.#unlessExited(probeUntil((attempt) => answersHttp(url, attempt), clock, signal));
      }
    }
  }

  async #settle(outcome: Outcome): Promise<void> {
    switch (outcome.kind) {
      case "ready":
        return;
      case "failed":
        throw new NodeError("CHILD_REPORTED_FAILURE", `the application reported: ${outcome.text}`, {
          metadata: { text: outcome.text, lastLines: await this.lastLines() },
        });
      case "malformed":
        throw new NodeError("CHILD_PROTOCOL_ERROR", `the application broke the exec protocol: ${outcome.problem}`, {
          metadata: { lastLines: await this.lastLines() },
        });
      case "exited":
        throw await this.#exitError(outcome.exit);
      case "abandoned":
        throw new NodeError("CHILD_NOT_READY", "nobody waits for this process to become ready any more");
    }
  }

  /** Waits for the exec, and then for the time in which a program that fails at once would fail. */
  async #settled(settleMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
    if (this.#protocol === "none") {
      await this.#gateClosed; // The exec follows at once.
    }
    for (let intervalMs = 1; this.#isStillStub(); intervalMs = Math.min(intervalMs * 2, 100)) {
      await clock.sleep(intervalMs, signal);
    }
    await clock.sleep(settleMs, signal);
  }

  #isStillStub(): boolean {
    try {
      const stub = `${SHELL}\0-c\0${STUB[this.#protocol]}\0`;
      return readFileSync(`/proc/${this.identity.pid}/cmdline`, "latin1").startsWith(stub);
    } catch {
      return false;
    }
  }

  async #unlessExited(ready: Promise<void>): Promise<void> {
    const exit = await Promise.race([ready, this.exited]);
    if (exit) {
      throw await this.#exitError(exit);
    }
  }

  async #exitError(exit: ExitStatus): Promise<NodeError> {
    const status = describeExit(exit);
    return new NodeError("CHILD_EXITED", `the process ${status} before it was ready`, {
      metadata: {
        status,
        lastLines: await this.lastLines(),
        ...(exit.kind === "code" ? { code: String(exit.code) } : {}),
        ...(exit.kind === "signal" ? { signal: exit.signal } : {}),
      },
    });
  }
}

/** The protocol that a readiness needs the child to be spawned with. */
export function protocolFor(readiness: Readiness): Protocol {
  switch (readiness.kind) {
    case "none":
    case "tcp":
    case "http":
      return "none";
    case "fd":
      return "fd";
    case "handshake":
    case "appcycle":
      return "handshake";
  }
}

function encodeForChild(config: ExecConfig): Uint8Array {
  try {
    return encodeConfig(config);
  } catch (error) {
    if (error instanceof WireError) {
      throw new NodeError("INVALID_ARGUMENT", `the configuration is too long: ${error.message}`, { cause: error });
    }
    throw error;
  }
}
