import { createHash } from "node:crypto";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { type BinaryRef, decodeEnvelope, type Envelope } from "@nodemanager/core";
import type { BinaryRepository, BlobSink, Repository } from "@nodemanager/repository";

/** Content with its name; no two chunks of it are equal. */
export interface Content {
  readonly bytes: Buffer;
  readonly ref: BinaryRef;
}

export function contentOf(sizeBytes: number, seed: string = "seed"): Content {
  const blocks: Buffer[] = [];
  for (let done = 0, block = createHash("sha512").update(seed).digest(); done < sizeBytes; done += block.length) {
    blocks.push(block);
    block = createHash("sha512").update(block).digest();
  }
  const bytes = Buffer.concat(blocks).subarray(0, sizeBytes);
  return { bytes, ref: refOf(bytes) };
}

export function refOf(bytes: Uint8Array): BinaryRef {
  return { sha256: createHash("sha256").update(bytes).digest("hex"), sizeBytes: bytes.length };
}

export function envelopeOf(version: string, ref: BinaryRef, more: Readonly<Record<string, unknown>> = {}): Envelope {
  return decodeEnvelope({ title: "app", version, binary: ref, ...more }, "the test");
}

/** The bytes from an offset on in chunks. */
export async function* chunksOf(
  bytes: Uint8Array,
  { offset = 0, chunkBytes = 1000 }: { readonly offset?: number; readonly chunkBytes?: number } = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = offset; at < bytes.length; at += chunkBytes) {
    yield bytes.subarray(at, at + chunkBytes);
  }
}

/** Keeps what is written to it. */
export class MemorySink implements BlobSink {
  readonly #chunks: Buffer[] = [];
  written = 0;

  async write(chunk: Uint8Array): Promise<void> {
    this.#chunks.push(Buffer.from(chunk));
    this.written += chunk.length;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

export async function contentAt(binaries: BinaryRepository, sha256: string, offset: number = 0): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(binaries.open(sha256, { offset })));
}

/** Uploads a small binary and puts an envelope for it. */
export async function offer(
  to: Repository,
  application: string,
  version: string,
  profiles: readonly string[],
): Promise<Envelope> {
  const { bytes, ref } = contentOf(100, version);
  await to.binaries.upload(ref, chunksOf(bytes));
  const envelope = envelopeOf(version, ref);
  await to.applications.put(application, { profiles, envelope });
  return envelope;
}

/** How many bytes of uploads under way are on the disk. */
export async function arrived(dir: string): Promise<number> {
  const names = (await readdir(join(dir, "binaries"))).filter((name) => name.startsWith(".incoming-"));
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(dir, "binaries", name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
