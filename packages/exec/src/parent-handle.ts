import type { ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import {
  abortable,
  type Credentials,
  deadlineSignal,
  type ExitStatus,
  NodeError,
  newId,
  type ProcessIdentity,
  type Readiness,
} from "@nodemanager/core";
import { becomeReady, type ReadyOptions, type Starting } from "./become-ready.ts";
import { removeGroup } from "./cgroup.ts";
import type { Command, Protocol } from "./command.ts";
import type { Containment } from "./containment.ts";
import { lastLines } from "./last-lines.ts";
import { type GatedChild, launchGated, spawnError } from "./launch.ts";
import { readProcessStat } from "./process-identity.ts";
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
  /**
   * Whom the process runs as, from the stub on: without further groups, without capabilities, and unable to gain any
   * privileges by what it executes where {@link noNewPrivileges} has a way. Only root can say anybody else.
   */
  readonly credentials?: Credentials | undefined;
  /** The caller's own descriptors, which the child gets as 5 and following. They stay the caller's to close. */
  readonly extraFiles?: readonly number[];
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
  readonly #starting: Starting;
  readonly #child: ChildProcess;
  readonly #gate: Socket;
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
    this.#child = launched.child;
    this.#gate = launched.gate;
    const status =
      launched.status && new StatusChannel(launched.status, options.protocol === "fd" ? "newline" : "status");
    this.exited = launched.exited.then((exit) => {
      launched.gate.destroy();
      status?.exited(exit);
      return exit;
    });
    this.#starting = {
      identity: named.identity,
      protocol: options.protocol,
      exited: this.exited,
      status,
      gateClosed: new Promise((resolve) => {
        launched.gate.once("close", resolve);
        launched.gate.resume();
      }),
      lastLines: () => lastLines(command.stdoutPath, command.stderrPath, launched.logOffsets),
    };
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
      credentials: options.credentials,
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
        removeIfPossible(group);
      }
      throw spawnError(command, error);
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
    const frames = this.#starting.protocol === "handshake" ? encodeForChild(config) : new Uint8Array(0);
    if (this.#released) {
      return;
    }
    this.#released = true;
    // What the child does not read at once stays in the socket's queue: this does not wait for it.
    this.#gate.end(Buffer.concat([Buffer.from("go\n"), frames]));
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
    try {
      await becomeReady(this.#starting, readiness, options);
    } finally {
      this.#starting.status?.abandon();
      // When what is still to be read of the configuration has been handed over.
      if (this.#released) {
        this.#gate.destroySoon();
      }
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
    return await this.#starting.lastLines();
  }

  /**
   * Lets the process live on when this one ends, and this one end while it lives. {@link exited} still works. Before
   * {@link release} it closes the gate for good, and the process ends.
   */
  detach(): void {
    this.#detached = true;
    this.#starting.status?.abandon();
    if (!this.#released) {
      this.#gate.destroy();
    }
    this.#gate.unref();
    this.#child.unref();
  }

  /** Kills all of it, unless it was detached. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#detached) {
      return;
    }
    await terminate(this, { signal: "SIGKILL", graceMs: 0 });
    this.#starting.status?.abandon();
    this.#gate.destroy();
  }
}

/** What cannot be removed is empty, and removed by the next sweep. */
function removeIfPossible(group: string): void {
  try {
    removeGroup(group);
  } catch {
    // As when there are no descriptors left, for which the start has failed.
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
