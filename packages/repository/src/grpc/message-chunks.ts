import { CHUNK_BYTES } from "../chunks.ts";

/** The most bytes that a message may have: an envelope of the largest size, and what stands around it. */
export const MESSAGE_MAX_BYTES: number = 1024 * 1024 + 64 * 1024;

/** The chunks in pieces that fit a message. Nothing is copied. */
export async function* messageChunks(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void, undefined> {
  for await (const chunk of chunks) {
    for (let offset = 0; offset < chunk.length; offset += CHUNK_BYTES) {
      const length = Math.min(CHUNK_BYTES, chunk.length - offset);
      yield Buffer.from(chunk.buffer, chunk.byteOffset + offset, length);
    }
  }
}
