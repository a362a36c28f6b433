import type { FileHandle } from "node:fs/promises";
import { throwIfAborted } from "@nodemanager/core";

/** How many bytes are read at a time. */
export const CHUNK_BYTES: number = 256 * 1024;

/**
 * The bytes of an open file from an offset on, each chunk in a buffer of its own. One chunk is read ahead, so that the disk
 * works while the consumer does.
 */
export async function* readChunks(
  handle: FileHandle,
  options: { readonly offset: number; readonly signal?: AbortSignal | undefined },
): AsyncGenerator<Uint8Array, void, undefined> {
  let position = options.offset;
  const read = async () => {
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafeSlow(CHUNK_BYTES), 0, CHUNK_BYTES, position);
    position += bytesRead;
    return buffer.subarray(0, bytesRead);
  };
  let ahead = read();
  try {
    for (;;) {
      throwIfAborted(options.signal);
      const chunk = await ahead;
      if (chunk.length === 0) {
        return;
      }
      ahead = read();
      // The consumer may take long, and a failure before it asks again is not unhandled.
      ahead.catch(() => {});
      yield chunk;
    }
  } finally {
    // The file must not be closed under a read.
    await ahead.catch(() => {});
  }
}
