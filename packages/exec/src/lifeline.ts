import { execFile } from "node:child_process";
import { closeSync, constants, fstatSync, lstatSync, openSync } from "node:fs";
import { promisify } from "node:util";
import { fromErrno, isErrno, NodeError } from "@nodemanager/core";
import { markUnplaced } from "./bystanders.ts";

const run = promisify(execFile);

/**
 * Makes a FIFO of mode 0600, unless there is one. A child that holds its write end can be watched by somebody who is not
 * its parent: the reader sees end of file when the last holder is gone.
 *
 * @throws NodeError `STORE_CORRUPT` when something else is there, `INTERNAL` when it cannot be made, `OUT_OF_DESCRIPTORS`
 */
export async function makeLifeline(path: string): Promise<void> {
  if (isLifeline(path)) {
    return;
  }
  try {
    // Node has no mkfifo(3). It is made once for an instance, not at each start.
    const making = run("mkfifo", ["-m", "600", "--", path], { env: { PATH: "/usr/bin:/bin:/usr/sbin:/sbin" } });
    // It is born in the group of whichever launch this process waits for, and does not belong to that one.
    using _ = making.child.pid === undefined ? undefined : markUnplaced(making.child.pid);
    await making;
  } catch (error) {
    if (!isLifeline(path)) {
      throw isErrno(error)
        ? fromErrno(error, `make the lifeline ${path}`)
        : new NodeError("INTERNAL", `mkfifo cannot make ${path}`, { cause: error });
    }
  }
}

/** Opens the write end for a child. @throws NodeError as {@link makeLifeline}, and when there is none */
export function openLifelineForChild(path: string): number {
  // A FIFO cannot be opened for writing alone while nobody reads it.
  const reader = openLifeline(path, constants.O_RDONLY);
  try {
    return openLifeline(path, constants.O_WRONLY);
  } finally {
    closeSync(reader);
  }
}

/** Opens the read end, without waiting for a writer. @throws NodeError as {@link openLifelineForChild} */
export function openLifelineForWatcher(path: string): number {
  return openLifeline(path, constants.O_RDONLY);
}

function openLifeline(path: string, mode: number): number {
  let fd: number;
  try {
    fd = openSync(path, mode | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (error) {
    throw fromErrno(error, `open the lifeline ${path}`);
  }
  if (!fstatSync(fd).isFIFO()) {
    closeSync(fd);
    throw notALifeline(path);
  }
  return fd;
}

function isLifeline(path: string): boolean {
  try {
    if (!lstatSync(path).isFIFO()) {
      throw notALifeline(path);
    }
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT")) {
      return false;
    }
    throw error;
  }
}

function notALifeline(path: string): NodeError {
  return new NodeError("STORE_CORRUPT", `${path} is not a FIFO: remove it`, { metadata: { file: path } });
}
