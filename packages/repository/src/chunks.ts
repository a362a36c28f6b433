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
  const read = () => {
    const reading = handle.read(Buffer.allocUnsafeSlow(CHUNK_BYTES), 0, CHUNK_BYTES, position);
    // The consumer may take long, or leave: a failure before it asks again is not unhandled.
    reading.catch(() => {});
    return reading;
  };
  // Leaving while a chunk is on its way is fine: closing the file waits for it.
  let ahead = read();
  for (;;) {
    throwIfAborted(options.signal);
    const { buffer, bytesRead } = await ahead;
    if (bytesRead === 0) {
      return;
    }
    position += bytesRead;
    ahead = read();
    yield buffer.subarray(0, bytesRead);
  }
}
