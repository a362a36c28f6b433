import { watch } from "node:fs";
import { hasReason, type InstanceName, isErrno, NodeError, parseName } from "@nodemanager/core";
import type { Root } from "@nodemanager/layout";
import type { ChangeHub } from "./change-hub.ts";
import { EventQueue } from "./event-queue.ts";
import { logFile } from "./instance-files.ts";
import { LogReader } from "./log-reader.ts";
import type { LogChunk, LogOptions, LogStream } from "./status.ts";

/**
 * What an instance wrote, stdout before stderr; with `follow` also what it writes from then on, until its process has
 * ended or the signal aborts. Of two streams that have more than the consumer takes, neither waits for the other. Files
 * are read as the consumer asks, so a slow one costs no memory.
 *
 * @throws NodeError `INVALID_NAME`, `NOT_APPLICABLE`, `INSTANCE_NOT_FOUND`, `STORE_CORRUPT`; `OUT_OF_DESCRIPTORS` when
 *   the node has no inotify watch left
 */
export async function* readLogs(root: Root, hub: ChangeHub, nameText: string, o: LogOptions): AsyncGenerator<LogChunk> {
  const name = parseName(nameText);
  if (name.kind !== "instance") {
    throw new NodeError("NOT_APPLICABLE", `logs are an instance's, ${JSON.stringify(nameText)} is not one`);
  }
  const record = await root.instances.read(name);
  const streams: readonly LogStream[] = o.stream ? [o.stream] : ["stdout", "stderr"];
  await using open = new AsyncDisposableStack();
  const readers = streams.map((stream) => open.use(new LogReader(stream, logFile(record, stream))));
  if (o.tailLines !== undefined) {
    for (const reader of readers) {
      await reader.skipToTail(o.tailLines);
    }
  }
  if (!o.follow) {
    for (const reader of readers) {
      yield* drain([reader], o.signal);
    }
    return;
  }
  // Before the first read, so that nothing written in between goes unnoticed.
  using news = newsOf(record.logsDir, hub, nameText, o.signal);
  yield* follow(() => isWriting(root, name), readers, news.queue, o.signal);
}

async function* follow(
  isWriting: () => Promise<boolean>,
  readers: readonly LogReader[],
  news: AsyncIterable<unknown>,
  signal: AbortSignal | undefined,
): AsyncGenerator<LogChunk> {
  // Whether it still runs is asked before reading, so that its last words are read after it has ended.
  let runs = await isWriting();
  yield* drain(readers, signal);
  if (!runs) {
    return;
  }
  for await (const _ of news) {
    runs = await isWriting();
    yield* drain(readers, signal);
    if (!runs) {
      return;
    }
  }
}

/** Tells, once for however many, that something was written or that the instance changed. Ends with the signal. */
function newsOf(
  logsDir: string,
  hub: ChangeHub,
  name: string,
  signal: AbortSignal | undefined,
): { readonly queue: EventQueue<"news"> } & Disposable {
  const queue = new EventQueue<"news">(() => "news");
  const left = new AbortController();
  const watcher = watchDirectory(logsDir, () => queue.push("news"));
  watcher.on("error", (error) => queue.fail(error));
  const leave = () => {
    queue.end();
    left.abort();
  };
  signal?.addEventListener("abort", leave, { once: true });
  if (signal?.aborted) {
    leave();
  }
  const passOn = async () => {
    for await (const changed of hub.subscribe(left.signal)) {
      if (changed === name) {
        queue.push("news");
      }
    }
    queue.end();
  };
  // Ends with the subscription, and nothing in it fails.
  void passOn();
  return {
    queue,
    [Symbol.dispose]() {
      watcher.close();
      left.abort();
      signal?.removeEventListener("abort", leave);
    },
  };
}

function watchDirectory(dir: string, onChange: () => void): ReturnType<typeof watch> {
  try {
    return watch(dir, onChange);
  } catch (error) {
    // inotify reports its own limits as a full disk.
    if (isErrno(error, "ENOSPC", "EMFILE", "ENFILE")) {
      throw new NodeError("OUT_OF_DESCRIPTORS", "this node has no inotify watch left: see fs.inotify in sysctl(8)", {
        cause: error,
      });
    }
    throw error;
  }
}

async function isWriting(root: Root, name: InstanceName): Promise<boolean> {
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

/** Everything there is, in turns, until there is nothing more or the signal aborts. */
async function* drain(readers: readonly LogReader[], signal: AbortSignal | undefined): AsyncGenerator<LogChunk> {
  for (let more = true; more && !signal?.aborted; ) {
    more = false;
    for (const reader of readers) {
      const chunk = await reader.next();
      if (chunk) {
        more = true;
        yield chunk;
      }
    }
  }
}
