// Moves a large binary through a repository and says how much memory that took. A program of its own, so that nothing else
// counts. Arguments: kind of repository, directory, size in bytes.
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fetchBinary, openRepository, parseRepositoryAddress, publish } from "@nodemanager/repository";
import { serveRepository } from "@nodemanager/repository/server";
import { binaryOf } from "@nodemanager/testing";

/** In bytes, over what it was before. */
export interface MemoryUse {
  /** The most that was held in buffers, without what was only not collected yet. */
  readonly publishingHeld: number;
  readonly fetchingHeld: number;
  /** The most that the process had. */
  readonly residentPeak: number;
}

const [kind = "", dir = "", size = ""] = process.argv.slice(2);
const file = join(dir, "program");
await writeFile(file, "");
await truncate(file, Number(size));
const path = join(dir, "repository");

await using server = await serveRepository({ dir: path, listen: { kind: "tcp", host: "127.0.0.1", port: 0 } });
await using repository = await openRepository(
  kind === "grpc" ? parseRepositoryAddress(server.address) : { kind: "file", dir: path },
);

const SAMPLE_EVERY_BYTES = 16 * 1024 * 1024;

function held(): number {
  // The second finishes what the first left to other threads.
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage().arrayBuffers;
}

const heldBefore = held();
const residentBefore = process.memoryUsage.rss();
let resident = residentBefore;
let peak = 0;
let nextSample = SAMPLE_EVERY_BYTES;
function sample(doneBytes: number): void {
  resident = Math.max(resident, process.memoryUsage.rss());
  if (doneBytes >= nextSample) {
    nextSample += SAMPLE_EVERY_BYTES;
    peak = Math.max(peak, held() - heldBefore);
  }
}

const { envelope } = await publish({
  file,
  to: repository,
  application: "app",
  description: { version: "1.0.0" },
  profiles: ["p"],
  onProgress: sample,
});
const publishingHeld = peak;
peak = 0;
nextSample = SAMPLE_EVERY_BYTES;
const sink = {
  written: 0,
  async write(chunk: Uint8Array) {
    // As slow as a disk: what does not wait for it piles up.
    await new Promise((resolve) => setImmediate(resolve));
    sink.written += chunk.length;
    sample(sink.written);
  },
};
await fetchBinary({ from: repository.binaries, ref: binaryOf(envelope), sink, maxBytes: Number(size) });
const use: MemoryUse = { publishingHeld, fetchingHeld: peak, residentPeak: resident - residentBefore };
console.log(JSON.stringify(use));
