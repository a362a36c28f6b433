import { type ChildProcess, spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { Socket } from "node:net";
import { type Credentials, type ExitStatus, fromErrno, isErrno, NodeError } from "@nodemanager/core";
import { markUnplaced } from "./bystanders.ts";
import { type Command, EXTRA_FD, GATE_FD, type Protocol, SHELL, STATUS_FD, shellCall } from "./command.ts";
import type { Containment } from "./containment.ts";
import { makeLifeline, openLifelineForChild } from "./lifeline.ts";
import { type LogFiles, openLogFiles } from "./log-files.ts";
import { noNewPrivileges } from "./no-new-privileges.ts";
import { checkProgram } from "./program-file.ts";

/** A process that runs the stub: nothing of the application has run. */
export interface GatedChild {
  readonly child: ChildProcess;
  readonly pid: number;
  /** The control group that it was born in, if one was prepared. */
  readonly birthplace: string | undefined;
  /** Disposed when the process is in the control group of its own, if it is to have one. */
  readonly unplaced: Disposable;
  /** Fulfilled when the process has ended. */
  readonly exited: Promise<ExitStatus>;
  readonly gate: Socket;
  /** Where the child reports; only with a protocol that has it. */
  readonly status: Socket | undefined;
  /** The ends of the logs when it was started. */
  readonly logOffsets: { readonly stdoutFrom: number; readonly stderrFrom: number };
}

export interface GatedOptions {
  readonly protocol: Protocol;
  readonly launchId: string;
  readonly lifelinePath: string | undefined;
  readonly extraFiles: readonly number[];
  readonly containment: Containment | undefined;
  readonly credentials: Credentials | undefined;
}

/**
 * Starts the stub that holds the command back, as the leader of a session and process group of its own.
 *
 * @throws NodeError `SPAWN_FAILED`, `INVALID_ARGUMENT`, `OUT_OF_DESCRIPTORS`, and as `fromErrno` for the logs
 */
export async function launchGated(command: Command, options: GatedOptions): Promise<GatedChild> {
  const { credentials } = options;
  checkProgram(command.file, command.cwd, credentials);
  const privileges = credentials && noNewPrivileges();
  const prefix = privileges?.kind === "setpriv" ? privileges.prefix : [];
  const { args, env } = shellCall(command, options.protocol, options.launchId, prefix);
  if (options.lifelinePath !== undefined) {
    await makeLifeline(options.lifelinePath);
  }
  using logs = openLogFiles(command.stdoutPath, command.stderrPath, credentials);
  using lifeline = openedLifeline(options.lifelinePath);
  let birthplace: string | undefined;
  let child: ChildProcess | undefined;
  try {
    birthplace = options.containment?.takePrepared();
    child = spawn(SHELL, args, {
      cwd: command.cwd,
      env,
      detached: true,
      // In this order libuv enters the directory, drops all further groups, and becomes the group and the user.
      ...(credentials && { uid: credentials.uid, gid: credentials.gid }),
      stdio: descriptors(logs, options, lifeline?.fd),
    });
  } catch (error) {
    throw spawnError(command, error);
  } finally {
    if (birthplace !== undefined) {
      options.containment?.leave(birthplace, { unused: child?.pid === undefined });
    }
  }
  if (child.pid === undefined) {
    throw spawnError(command, await new Promise((resolve) => child.once("error", resolve)));
  }
  // An error of a child that runs is one of signalling it, which is not done through this object.
  child.on("error", () => {});
  const { pid } = child;
  const gate = child.stdio[GATE_FD];
  const status = child.stdio[STATUS_FD];
  if (!(gate instanceof Socket)) {
    throw new Error("the child has no gate");
  }
  // A child that ends without reading what was sent to it resets the connection.
  for (const socket of [gate, status]) {
    socket?.on("error", () => {});
  }
  return {
    child,
    pid,
    birthplace,
    unplaced: markUnplaced(pid),
    exited: new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        resolve(code === null ? { kind: "signal", signal: signal ?? "SIGKILL" } : { kind: "code", code });
      });
    }),
    gate,
    status: status instanceof Socket ? status : undefined,
    logOffsets: { stdoutFrom: logs.stdout.startOffset, stderrFrom: logs.stderr.startOffset },
  };
}

function descriptors(
  logs: LogFiles,
  options: GatedOptions,
  lifeline: number | undefined,
): ("ignore" | "pipe" | number)[] {
  const stdio: ("ignore" | "pipe" | number)[] = ["ignore", logs.stdout.fd, logs.stderr.fd];
  stdio[GATE_FD] = "pipe";
  if (options.protocol !== "none") {
    stdio[STATUS_FD] = "pipe";
  }
  const extra = [...options.extraFiles, ...(lifeline === undefined ? [] : [lifeline])];
  if (extra.length > 0) {
    stdio[STATUS_FD] ??= "ignore";
    stdio.splice(EXTRA_FD, 0, ...extra);
  }
  return stdio;
}

function openedLifeline(path: string | undefined): ({ readonly fd: number } & Disposable) | undefined {
  if (path === undefined) {
    return undefined;
  }
  const fd = openLifelineForChild(path);
  return { fd, [Symbol.dispose]: () => closeSync(fd) };
}

/** Why a process could not be started, whatever went wrong. */
export function spawnError(command: Command, error: unknown): NodeError {
  if (error instanceof NodeError) {
    return error;
  }
  if (isErrno(error, "EMFILE", "ENFILE")) {
    return fromErrno(error, `start ${command.file}`);
  }
  const code = isErrno(error) ? ` (${error.code})` : "";
  return new NodeError("SPAWN_FAILED", `the program ${command.file} cannot be started${code}`, { cause: error });
}
