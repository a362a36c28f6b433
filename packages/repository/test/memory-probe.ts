// Moves a large binary through a repository and says how much memory that took. A program of its own, so that nothing else
// counts. Arguments: kind of repository, directory, size in bytes.
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fetchBinary, openRepository, parseRepositoryAddress, publish } from "@nodemanager/repository";
import { serveRepository } from "@nodemanager/repository/server";

/** In bytes. */
export interface MemoryUse {
  readonly before: number;
  readonly peakPublishing: number;
  readonly peakFetching: number;
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

const before = process.memoryUsage.rss();
let peak = before;
const sample = () => {
  peak = Math.max(peak, process.memoryUsage.rss());
};
const { envelope } = await publish({
  file,
  to: repository,
  application: "app",
  description: { version: "1.0.0" },
  profiles: ["p"],
  onProgress: sample,
});
const peakPublishing = peak;
peak = 0;
const sink = {
  written: 0,
  async write(chunk: Uint8Array) {
    // As slow as a disk: what does not wait for it piles up.
    await new Promise((resolve) => setImmediate(resolve));
    sink.written += chunk.length;
    sample();
  },
};
await fetchBinary({ from: repository.binaries, ref: envelope.binary, sink, maxBytes: Number(size) });
const use: MemoryUse = { before, peakPublishing, peakFetching: peak };
console.log(JSON.stringify(use));
