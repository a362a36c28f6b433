import { watch } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { hasReason, isErrno, NodeError, parseName } from "@nodemanager/core";
import type { Root } from "@nodemanager/layout";
import type { ChangeHub } from "./change-hub.ts";
import { EventQueue } from "./event-queue.ts";
import { logFile } from "./log-files.ts";
import type { LogChunk, LogOptions, LogStream } from "./status.ts";

const CHUNK_BYTES = 64 * 1024;

interface LogReader {
  readonly stream: LogStream;
  readonly path: string;
  offset: number;
}

/**
 * What an instance wrote, stdout before stderr; with `follow` also what it writes from then on, until its process ends
 * or the signal aborts. Files are read as the consumer asks, so a slow one costs no memory.
 *
 * @throws NodeError `INVALID_NAME`, `NOT_APPLICABLE`, `INSTANCE_NOT_FOUND`
 */
export async function* readLogs(root: Root, hub: ChangeHub, nameText: string, o: LogOptions): AsyncGenerator<LogChunk> {
  const name = parseName(nameText);
  if (name.kind !== "instance") {
    throw new NodeError("NOT_APPLICABLE", `logs are an instance's, ${JSON.stringify(nameText)} is not one`);
  }
  const { logsDir } = await root.instances.read(name);
  const streams: readonly LogStream[] = o.stream ? [o.stream] : ["stdout", "stderr"];
  const readers: LogReader[] = [];
  for (const stream of streams) {
    const path = logFile(logsDir, stream);
    readers.push({ stream, path, offset: o.tailLines === undefined ? 0 : await tailOffset(path, o.tailLines) });
  }
  if (!o.follow) {
    yield* drain(readers);
    return;
  }
  const news = new EventQueue<"news">(() => true);
  // Before the first read, so that nothing written in between goes unnoticed.
  const watcher = watch(logsDir, () => news.push("news"));
  watcher.on("error", (error) => news.fail(error));
  const left = new AbortController();
  const onAbort = () => news.end();
  o.signal?.addEventListener("abort", onAbort, { once: true });
  void (async () => {
    for await (const changed of hub.subscribe(left.signal)) {
      if (changed === nameText) {
        news.push("news");
      }
    }
    news.end();
  })();
  try {
    if (o.signal?.aborted) {
      return;
    }
    yield* follow(root, name, readers, news);
  } finally {
    watcher.close();
    left.abort();
    o.signal?.removeEventListener("abort", onAbort);
  }
}

async function* follow(
  root: Root,
  name: Parameters<Root["instances"]["read"]>[0],
  readers: readonly LogReader[],
  news: EventQueue<"news">,
): AsyncGenerator<LogChunk> {
  // Whether it still runs is asked before reading, so that its last words are read after it has ended.
  let runs = await isWriting(root, name);
  yield* drain(readers);
  if (!runs) {
    return;
  }
  for await (const _ of news) {
    runs = await isWriting(root, name);
    yield* drain(readers);
    if (!runs) {
      return;
    }
  }
}

async function isWriting(root: Root, name: Parameters<Root["instances"]["read"]>[0]): Promise<boolean> {
  try {
    const { state } = await root.instances.read(name);
    return state !== "suspended" && state !== "stopped";
  } catch (error) {
    if (hasReason(error, "INSTANCE_NOT_FOUND")) {
      return false;
    }
    throw error;
  }
}

async function* drain(readers: readonly LogReader[]): AsyncGenerator<LogChunk> {
  for (const reader of readers) {
    await using file = await openIfThere(reader.path);
    if (!file) {
      continue;
    }
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, reader.offset);
      if (bytesRead === 0) {
        break;
      }
      reader.offset += bytesRead;
      yield { stream: reader.stream, data: buffer.subarray(0, bytesRead) };
    }
  }
}

/** Where the last so many lines begin. A last line without its newline counts. */
async function tailOffset(path: string, lines: number): Promise<number> {
  await using file = await openIfThere(path);
  if (!file) {
    return 0;
  }
  const { size } = await file.stat();
  let end = size;
  let found = 0;
  while (end > 0 && lines > 0) {
    const start = Math.max(0, end - CHUNK_BYTES);
    const { buffer } = await file.read(Buffer.allocUnsafe(end - start), 0, end - start, start);
    for (let i = buffer.length - 1; i >= 0; i--) {
      const isLastByte = start + i === size - 1;
      if (buffer[i] === 0x0a && !isLastByte && ++found === lines) {
        return start + i + 1;
      }
    }
    end = start;
  }
  return lines > 0 ? 0 : size;
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r");
  } catch (error) {
    if (isErrno(error, "ENOENT")) {
      return undefined;
    }
    throw error;
  }
}
