import { closeSync, constants, fchmodSync, fchownSync, fstatSync, openSync } from "node:fs";
import { type Credentials, fromErrno, NodeError } from "@nodemanager/core";

const GROUP_WRITABLE = 0o660;

/** A log that is open for a child. Its end when it was opened is where the child's own lines begin. */
export interface LogFile {
  readonly path: string;
  readonly fd: number;
  readonly startOffset: number;
}

/** The two logs of a child, open until they are disposed: the child holds its own descriptors by then. */
export interface LogFiles extends Disposable {
  readonly stdout: LogFile;
  readonly stderr: LogFile;
}

// What stands at the path may have been put there by the application: a link to follow, a FIFO to hang on.
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Opens both logs for appending, made with mode 0600; one descriptor when both are the same file.
 *
 * For a child with credentials of its own they stay ours, so that in a sticky directory it cannot put anything in their
 * place, and its group can write to them: it has the descriptors already, and `/dev/stderr` opens the file anew.
 *
 * @throws NodeError `SPAWN_FAILED` when one is not a regular file, and as `fromErrno`
 */
export function openLogFiles(stdoutPath: string, stderrPath: string, credentials?: Credentials): LogFiles {
  const stdout = openLogFile(stdoutPath, credentials);
  try {
    const stderr = stderrPath === stdoutPath ? stdout : openLogFile(stderrPath, credentials);
    return {
      stdout,
      stderr,
      [Symbol.dispose]() {
        closeSync(stdout.fd);
        if (stderr !== stdout) {
          closeSync(stderr.fd);
        }
      },
    };
  } catch (error) {
    closeSync(stdout.fd);
    throw error;
  }
}

function openLogFile(path: string, credentials: Credentials | undefined): LogFile {
  let fd: number;
  try {
    fd = openSync(path, FLAGS, 0o600);
  } catch (error) {
    throw fromErrno(error, `open the log ${path}`);
  }
  const stat = fstatSync(fd);
  if (!stat.isFile()) {
    closeSync(fd);
    throw new NodeError("SPAWN_FAILED", `the log ${path} is not a regular file`);
  }
  if (credentials && (stat.gid !== credentials.gid || (stat.mode & 0o777) !== GROUP_WRITABLE)) {
    try {
      fchownSync(fd, stat.uid, credentials.gid);
      fchmodSync(fd, GROUP_WRITABLE);
    } catch (error) {
      closeSync(fd);
      throw fromErrno(error, `share the log ${path}`);
    }
  }
  return { path, fd, startOffset: stat.size };
}
