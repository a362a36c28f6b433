import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { isErrno } from "@nodemanager/core";
import type { LogChunk, LogStream } from "./status.ts";

const CHUNK_BYTES = 64 * 1024;

/**
 * Reads one of an instance's logs from some point on. Once it has the file it keeps it, so that it comes to the end of
 * it whatever becomes of the directory.
 */
export class LogReader implements AsyncDisposable {
  readonly #stream: LogStream;
  readonly #path: string;
  #file: FileHandle | undefined;
  #offset = 0;

  constructor(stream: LogStream, path: string) {
    this.#stream = stream;
    this.#path = path;
  }

  /** Goes to where the last so many lines begin. A last line without its newline counts. */
  async skipToTail(lines: number): Promise<void> {
    const file = await this.#opened();
    if (file) {
      this.#offset = await tailOffset(file, lines);
    }
  }

  /** What follows, at most 64 KiB of it; `undefined` when there is nothing now. */
  async next(): Promise<LogChunk | undefined> {
    const file = await this.#opened();
    if (!file) {
      return undefined;
    }
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, this.#offset);
    this.#offset += bytesRead;
    return bytesRead === 0 ? undefined : { stream: this.#stream, data: buffer.subarray(0, bytesRead) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  async #opened(): Promise<FileHandle | undefined> {
    this.#file ??= await openLog(this.#path);
    return this.#file;
  }
}

/** The application can put there what it likes: a FIFO must not hang us, a link must not show what is elsewhere. */
async function openLog(path: string): Promise<FileHandle | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ELOOP", "ENXIO", "ENOTDIR")) {
      return undefined;
    }
    throw error;
  }
  if ((await file.stat()).isFile()) {
    return file;
  }
  await file.close();
  return undefined;
}

async function tailOffset(file: FileHandle, lines: number): Promise<number> {
  const { size } = await file.stat();
  let end = size;
  let found = 0;
  while (end > 0 && lines > 0) {
    const start = Math.max(0, end - CHUNK_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(end - start), 0, end - start, start);
    for (let i = bytesRead - 1; i >= 0; i--) {
      const isLastByte = start + i === size - 1;
      if (buffer[i] === 0x0a && !isLastByte && ++found === lines) {
        return start + i + 1;
      }
    }
    end = start;
  }
  return lines > 0 ? 0 : size;
}
