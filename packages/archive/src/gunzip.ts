import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";

/**
 * Decompresses as it is read. Stops, and stops reading, when its consumer does.
 *
 * @throws an error of zlib for what is not gzip or breaks off, and what the source throws
 */
export async function* gunzip(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const unzip = createGunzip();
  const piping = pipeline(source, unzip);
  // What goes wrong is seen by whoever reads; a failure after that is nobody's.
  piping.catch(() => {});
  try {
    yield* unzip;
    await piping;
  } finally {
    unzip.destroy();
    await piping.catch(() => {});
  }
}
