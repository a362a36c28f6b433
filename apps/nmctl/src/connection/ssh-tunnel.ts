import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync, watch } from "node:fs";
import { lstat, mkdtemp } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { abortable, isErrno, NodeError } from "@nodemanager/core";
import type { Io } from "../io.ts";
import type { SshTarget } from "./ssh-target.ts";

const LAST_WORDS_MS = 200;
const LISTEN_RETRY_MS = 5;

/** The user's own ssh, forwarding a socket of this machine to noded's over there. Disposing it ends ssh. */
export interface SshTunnel extends Disposable {
  readonly socketPath: string;
  /** Whether ssh still runs. */
  readonly isOpen: boolean;
}

/**
 * Starts `ssh -N -L` and waits until its socket is there. Keys, agents, aliases, jump hosts, questions and host checks
 * are what the user's configuration makes them; what ssh says goes to our stderr.
 *
 * @throws NodeError `NODE_UNAVAILABLE` when ssh cannot be started or ends before it forwards; as the signal says
 */
export async function openSshTunnel(
  target: SshTarget,
  io: Pick<Io, "env" | "stderr">,
  signal: AbortSignal,
): Promise<SshTunnel> {
  const dir = await mkdtemp(join(tmpdir(), "nmctl-"));
  const socketPath = join(dir, "sock");
  const ssh = spawn("ssh", sshArguments(target, socketPath), {
    env: io.env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  // Questions it asks at the terminal itself.
  ssh.stderr.on("data", (chunk) => io.stderr.write(chunk));
  const close = () => {
    process.off("exit", close);
    ssh.kill("SIGTERM");
    rmSync(dir, { recursive: true, force: true });
  };
  // Also when the second Ctrl-C ends us at once.
  process.once("exit", close);
  const waiting = new AbortController();
  try {
    const forwards = appearance(dir, socketPath, waiting.signal).then(() => acceptance(socketPath, waiting.signal));
    await abortable(Promise.race([failureOf(ssh, target), forwards]), signal);
  } catch (error) {
    close();
    throw error;
  } finally {
    waiting.abort();
  }
  return {
    socketPath,
    get isOpen() {
      return ssh.exitCode === null && ssh.signalCode === null;
    },
    [Symbol.dispose]: close,
  };
}

function sshArguments(target: SshTarget, socketPath: string): string[] {
  return [
    "-N",
    "-T",
    "-o",
    "ExitOnForwardFailure=yes",
    "-L",
    `${socketPath}:${target.socket}`,
    ...(target.user === undefined ? [] : ["-l", target.user]),
    ...(target.port === undefined ? [] : ["-p", String(target.port)]),
    "--",
    target.host,
  ];
}

/** Rejects when ssh ends or could not be started. */
async function failureOf(ssh: ChildProcess, target: SshTarget): Promise<never> {
  return await new Promise<never>((_, reject) => {
    ssh.once("error", (error) =>
      reject(
        new NodeError(
          "NODE_UNAVAILABLE",
          isErrno(error, "ENOENT") ? "there is no ssh on PATH" : `ssh cannot be started: ${error.message}`,
          { cause: error },
        ),
      ),
    );
    ssh.once("exit", (code, by) => {
      const how = by === null ? `with status ${code}` : `by ${by}`;
      const error = new NodeError(
        "NODE_UNAVAILABLE",
        `ssh to ${target.host} ended ${how} before it forwarded ${target.socket}; it may have said why above`,
      );
      // What it said comes first. A master connection that it left behind may hold its stderr for hours.
      ssh.once("close", () => reject(error));
      setTimeout(() => reject(error), LAST_WORDS_MS).unref();
    });
  });
}

/** Resolves when the socket is in its directory. */
async function appearance(dir: string, socketPath: string, signal: AbortSignal): Promise<void> {
  const watcher = watch(dir, { signal });
  try {
    await new Promise<void>((resolve, reject) => {
      const look = () => {
        lstat(socketPath).then(
          () => resolve(),
          (error: unknown) => {
            if (!isErrno(error, "ENOENT")) {
              reject(error);
            }
          },
        );
      };
      watcher.on("change", look);
      watcher.on("error", reject);
      look();
    });
  } finally {
    watcher.close();
  }
}

/** Resolves when connections are taken: a socket is there from bind(2) on, a moment before listen(2). */
async function acceptance(socketPath: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const socket = connect({ path: socketPath });
    try {
      await once(socket, "connect", { signal });
      return;
    } catch (error) {
      if (!isErrno(error, "ECONNREFUSED")) {
        throw error;
      }
    } finally {
      socket.destroy();
    }
    await sleep(LISTEN_RETRY_MS, undefined, { signal });
  }
}
