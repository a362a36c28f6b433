import { NodeError } from "@nodemanager/core";
import { EXEC_VERSION } from "./wire.ts";

/** What to run. Everything is explicit: nothing is taken over from the environment of the caller. */
export interface Command {
  /** The absolute path of an executable, or of a script that begins with `#!`. */
  readonly file: string;
  readonly args: readonly string[];
  /** The absolute path of an existing directory. */
  readonly cwd: string;
  /** All of it. Keys are identifiers: letters, digits and `_`, no digit first. */
  readonly env: Readonly<Record<string, string>>;
  /** Where stdout goes: opened for appending, made with mode 0600. May be the same as `stderrPath`. */
  readonly stdoutPath: string;
  readonly stderrPath: string;
}

/**
 * What the child sees beside its program: `none` nothing, `fd` the number of a descriptor in `NOTIFY_FD`, `handshake`
 * the exec protocol on descriptors 3 and 4.
 */
export type Protocol = "none" | "fd" | "handshake";

/** What the stub runs in, and how it is recognised in `/proc/<pid>/cmdline`. */
export const SHELL = "/bin/sh";

/** The descriptor on which the child waits for the go-ahead and gets its configuration. */
export const GATE_FD = 3;
/** The descriptor on which the child reports. */
export const STATUS_FD = 4;
/** The number of the first of the caller's own descriptors. */
export const EXTRA_FD = 5;

const HOLD = 'read -r go <&3 && [ "$go" = go ] || exit 111';
const TIDY = 'unset go OLDPWD SHLVL; [ "$0" = noded-stub-pwd ] || unset PWD';

/**
 * The text that the shell runs: it holds the program back until `go` arrives, and ends when the parent does. Constant,
 * the program and its arguments are the shell's own arguments, so there is nothing to quote. `exec` keeps pid and start
 * time. The shell sets variables of its own, which the program must not see.
 */
export const STUB: Readonly<Record<Protocol, string>> = {
  none: `${HOLD}; exec 3<&- 4<&-; ${TIDY}; exec "$@"`,
  fd: `${HOLD}; exec 3<&-; ${TIDY}; exec "$@"`,
  handshake: `${HOLD}; ${TIDY}; exec "$@"`,
};

/** Variables that would change the shell, or that the shell would change: they are set behind its back by `env`. */
const NOT_FOR_THE_SHELL =
  /^(LD_.*|GCONV_PATH|MALLOC_.*|GLIBC_TUNABLES|PWD|OLDPWD|SHLVL|_|IFS|OPT(IND|ARG|ERR)|PPID|PS[124]|LINENO|ENV|BASH.*|SHELLOPTS|POSIXLY_CORRECT|EUID|UID|GROUPS|DIRSTACK|FUNCNAME|RANDOM|SECONDS|SRANDOM|EPOCH.*|HIST.*|MAIL.*|PATH_LOCALE|CDPATH|go)$/;
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** How the shell is called for a command. */
export interface ShellCall {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * How the stub is called so that the program gets exactly the command's arguments and environment, and of the manager's
 * own variables those that its protocol has.
 *
 * @param prefix - a program that runs what follows it, with its arguments; it sees nothing of what could lead it astray
 * @throws NodeError `INVALID_ARGUMENT` when it cannot be passed on unchanged
 */
export function shellCall(
  command: Command,
  protocol: Protocol,
  launchId: string | undefined,
  prefix: readonly string[] = [],
): ShellCall {
  const direct: Record<string, string> = {};
  const behind: string[] = [];
  // A shell takes PWD over if it is where it is, and keeps it: the usual case needs no detour.
  const keepsPwd = command.env.PWD === command.cwd;
  const { NODED_EXEC_VERSION: _version, NOTIFY_FD: _fd, NODED_LAUNCH_ID: _launch, ...env } = command.env;
  const ours = {
    ...(protocol === "handshake" ? { NODED_EXEC_VERSION: EXEC_VERSION } : {}),
    ...(protocol === "fd" ? { NOTIFY_FD: String(STATUS_FD) } : {}),
    ...(launchId === undefined ? {} : { NODED_LAUNCH_ID: launchId }),
  };
  for (const [key, value] of Object.entries({ ...env, ...ours })) {
    if (!IDENTIFIER.test(key)) {
      throw new NodeError("INVALID_ARGUMENT", `${JSON.stringify(key)} is not the name of an environment variable`);
    }
    refuseNul(value, `the environment variable ${key}`);
    if (NOT_FOR_THE_SHELL.test(key) && !(key === "PWD" && keepsPwd)) {
      behind.push(`${key}=${value}`);
    } else {
      direct[key] = value;
    }
  }
  for (const text of [command.file, ...command.args]) {
    refuseNul(text, "an argument");
  }
  if (behind.length > 0 && command.file.includes("=")) {
    throw new NodeError("INVALID_ARGUMENT", `env(1) cannot start a file with "=" in its path: ${command.file}`);
  }
  const withEnv = behind.length > 0 ? ["/usr/bin/env", ...behind] : [];
  const name = keepsPwd ? "noded-stub-pwd" : "noded-stub";
  return {
    args: ["-c", STUB[protocol], name, ...prefix, ...withEnv, command.file, ...command.args],
    env: direct,
  };
}

function refuseNul(text: string, what: string): void {
  if (text.includes("\0")) {
    throw new NodeError("INVALID_ARGUMENT", `${what} holds a NUL character`);
  }
}
