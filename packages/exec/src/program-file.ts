import { accessSync, closeSync, constants, openSync, readdirSync, readSync, statSync } from "node:fs";
import { isAbsolute } from "node:path";
import { type Credentials, fromErrno, isErrno, NodeError } from "@nodemanager/core";
import { requireReachable } from "./reachable.ts";

const HEAD_BYTES = 64;
/** e_machine of what a node of each architecture runs, its own first. */
const MACHINES: Readonly<Partial<Record<NodeJS.Architecture, readonly number[]>>> = {
  x64: [62, 3],
  ia32: [3],
  arm64: [183, 40],
  arm: [40],
  riscv64: [243],
  loong64: [258],
  ppc64: [21],
  s390x: [22],
};

/**
 * Checks what can be known before a program is started, because the shell that starts it later can only say 126 or 127,
 * and would take what the kernel cannot run for a script of its own.
 *
 * @param credentials - whose right to run it counts, unless it is ours
 * @throws NodeError `SPAWN_FAILED`, `OUT_OF_DESCRIPTORS`
 */
export function checkProgram(file: string, cwd: string, credentials?: Credentials): void {
  requireAbsolute(file, "the program");
  requireAbsolute(cwd, "the working directory");
  if (!statOf(cwd)?.isDirectory()) {
    throw new NodeError("SPAWN_FAILED", `the working directory ${cwd} is not a directory`);
  }
  const stat = statOf(file);
  if (!stat?.isFile()) {
    throw new NodeError("SPAWN_FAILED", `the program ${file} ${stat ? "is not a regular file" : "does not exist"}`);
  }
  try {
    accessSync(file, constants.X_OK);
  } catch (error) {
    throw new NodeError("SPAWN_FAILED", `the program ${file} is not executable`, { cause: error });
  }
  if (credentials) {
    requireReachable(credentials, { file, cwd });
  }
  const problem = unrunnable(readHead(file));
  if (problem && !runsForeignFormats()) {
    throw new NodeError("SPAWN_FAILED", `the program ${file} ${problem}`);
  }
}

/** Why the kernel would not run a file that begins like this; nothing when it would. */
function unrunnable(head: Uint8Array | undefined, arch: NodeJS.Architecture = process.arch): string | undefined {
  if (!head) {
    return undefined; // Executable and not readable: the kernel may run it all the same.
  }
  const text = Buffer.from(head.buffer, head.byteOffset, head.length).toString("latin1");
  if (text.startsWith("#!")) {
    return undefined;
  }
  if (!text.startsWith("\x7fELF") || head.length < 20) {
    return "is neither an ELF executable nor a script that begins with #!";
  }
  const machine = new DataView(head.buffer, head.byteOffset).getUint16(18, head[5] !== 2);
  const runs = MACHINES[arch];
  return !runs || runs.includes(machine) ? undefined : `is for another architecture (ELF machine ${machine})`;
}

function readHead(file: string): Uint8Array | undefined {
  let fd: number;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (isErrno(error, "EACCES")) {
      return undefined;
    }
    if (isErrno(error, "EMFILE", "ENFILE")) {
      throw fromErrno(error, `start ${file}`);
    }
    throw new NodeError("SPAWN_FAILED", `the program ${file} cannot be opened`, { cause: error });
  }
  try {
    const head = new Uint8Array(HEAD_BYTES);
    return head.subarray(0, readSync(fd, head));
  } finally {
    closeSync(fd);
  }
}

/** Whether binfmt_misc has formats of its own, by which anything may be a program. */
function runsForeignFormats(): boolean {
  try {
    return readdirSync("/proc/sys/fs/binfmt_misc").some((name) => name !== "register" && name !== "status");
  } catch {
    return false;
  }
}

function requireAbsolute(path: string, what: string): void {
  if (!isAbsolute(path) || path.includes("\0")) {
    throw new NodeError("SPAWN_FAILED", `${what} ${JSON.stringify(path)} is not an absolute path`);
  }
}

function statOf(path: string): ReturnType<typeof statSync> | undefined {
  try {
    return statSync(path);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) {
      return undefined;
    }
    throw new NodeError("SPAWN_FAILED", `${path} cannot be examined`, { cause: error });
  }
}
