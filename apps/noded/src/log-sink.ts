import { writeSync } from "node:fs";
import { isErrno, type LogFields, type Logger, type LogLevel, NodeError } from "@nodemanager/core";

const ORDER: readonly LogLevel[] = ["debug", "info", "warn", "error"];
const STDERR = 2;

/**
 * A logger that writes one JSON object a line to stderr: `time`, `level`, `message`, and the record's fields. A record
 * that cannot be written is lost; the daemon goes on.
 */
export function stderrLogger(level: LogLevel, write: (line: string) => void = writeStderr): Logger {
  return makeLogger(ORDER.indexOf(level), write, {});
}

function makeLogger(least: number, write: (line: string) => void, base: LogFields): Logger {
  const at =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}) => {
      if (ORDER.indexOf(level) >= least) {
        const record = { time: new Date().toISOString(), level, message, ...base, ...fields };
        write(`${JSON.stringify(record, replaceErrors)}\n`);
      }
    };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (fields) => makeLogger(least, write, { ...base, ...fields }),
  };
}

/** An error has nothing that JSON would show. */
function replaceErrors(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") {
    return value.toString();
  }
  if (!(value instanceof Error)) {
    return value;
  }
  const reason =
    value instanceof NodeError ? { reason: value.reason, metadata: value.metadata } : { stack: value.stack };
  return { message: value.message, ...reason, ...(value.cause === undefined ? {} : { cause: value.cause }) };
}

function writeStderr(line: string): void {
  try {
    writeSync(STDERR, line);
  } catch (error) {
    // Nobody reads any more, or not fast enough.
    if (!isErrno(error, "EPIPE", "EAGAIN", "EIO", "ENOSPC", "EBADF")) {
      throw error;
    }
  }
}
