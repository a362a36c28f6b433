import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

/** The most lines, and the most bytes, that {@link lastLines} gives. */
const LAST_LINES = 10;
const LAST_LINES_BYTES = 4096;

/** Where in the logs to begin: what is before belongs to an earlier process. */
export interface LastLinesOptions {
  readonly stdoutFrom?: number;
  readonly stderrFrom?: number;
}

/**
 * The last lines of stderr, or of stdout if there are none: at most 10 lines and 4 KiB, empty when nothing was written.
 * Control characters and broken UTF-8 are replaced by U+FFFD, so that it can be shown on a terminal. Never throws for
 * what is or is not at the paths.
 */
export async function lastLines(
  stdoutPath: string,
  stderrPath: string,
  options: LastLinesOptions = {},
): Promise<string> {
  return (await tail(stderrPath, options.stderrFrom ?? 0)) || (await tail(stdoutPath, options.stdoutFrom ?? 0));
}

async function tail(path: string, from: number): Promise<string> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return "";
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile()) {
      return "";
    }
    // A log that was cut off or rotated is shorter than where this process began.
    const begin = stat.size < from ? 0 : from;
    // One byte more tells whether the first line is whole.
    const position = Math.max(begin, stat.size - LAST_LINES_BYTES - 1);
    const buffer = new Uint8Array(Math.min(LAST_LINES_BYTES + 1, stat.size - position));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
    return lastLinesOf(buffer.subarray(0, bytesRead), position > begin);
  } catch {
    return "";
  } finally {
    await file.close();
  }
}

/**
 * The last lines of the end of a text.
 *
 * @param cut - whether the first line began before these bytes
 */
function lastLinesOf(bytes: Uint8Array, cut: boolean): string {
  const text = new TextDecoder().decode(bytes);
  const lines = text.replace(/\r\n/g, "\n").replace(/\s+$/, "").split("\n");
  const whole = cut && lines.length > 1 ? lines.slice(1) : lines;
  const shown = whole
    .slice(-LAST_LINES)
    .join("\n")
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "\ufffd");
  return cutToBytes(shown, LAST_LINES_BYTES);
}

/** The end of the text that has at most so many bytes in UTF-8, at a character's boundary. */
function cutToBytes(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text);
  let start = Math.max(0, bytes.length - maxBytes);
  while (start < bytes.length && ((bytes[start] ?? 0) & 0xc0) === 0x80) {
    start++;
  }
  return bytes.toString("utf8", start);
}
