import { abortError, NodeError, throwIfAborted } from "@nodemanager/core";
import { type Extract, extract, type Header } from "tar-stream";
import { invalidPackage } from "./invalid-package.ts";

/** What the parser may hold at a time without having found a file: names and attributes, padding at the end. */
const HEADERS_MAX_BYTES = 128 * 1024;
const PIECE_BYTES = 16 * 1024;
const BLOCK_BYTES = 512;

/** An entry as the archive has it, nothing of it checked but that it has a size. */
export interface TarEntry {
  readonly header: Omit<Header, "type"> & { readonly type: Header["type"] | null };
  /** Exactly as many bytes as the header says. */
  readonly content: AsyncIterable<Uint8Array>;
}

/**
 * The entries of a tar stream, in their order. Content that is not read is skipped. It ends, and so does its source,
 * when its consumer leaves.
 *
 * @param o.what - which archive, for messages
 * @param o.maxBytes - how long the stream may be
 * @throws NodeError `TOO_LARGE`, `INVALID_PACKAGE`, `CANCELLED`; whatever the parser and the source throw
 */
export async function* tarEntries(
  source: AsyncIterable<Uint8Array>,
  o: { readonly what: string; readonly maxBytes: number; readonly signal?: AbortSignal | undefined },
): AsyncGenerator<TarEntry, void, undefined> {
  const { signal } = o;
  throwIfAborted(signal);
  const parser = extract();
  const feed = new Feed(source, parser, o);
  const feeding = feed.run();
  // Also while nothing moves, whatever it waits for.
  const onAbort = () => signal && parser.destroy(abortError(signal));
  signal?.addEventListener("abort", onAbort);
  let end = 0;
  try {
    for await (const stream of parser) {
      const { header } = stream;
      // The parser lets a number in base 256 pass that it could not read, and waits for its content for good.
      if (!Number.isSafeInteger(header.size)) {
        throw invalidPackage(o.what, "has no size", header.name);
      }
      feed.expect(header.size);
      end = stream.offset + BLOCK_BYTES + Math.ceil(header.size / BLOCK_BYTES) * BLOCK_BYTES;
      const content = new Content(stream, header, feed, o.what);
      yield { header, content };
      await content.skip();
    }
  } finally {
    signal?.removeEventListener("abort", onAbort);
    parser.destroy();
    await feeding;
  }
  // What follows the last entry is blocks of zeros, or the parser would have said so.
  if (feed.bytes < end + BLOCK_BYTES) {
    throw invalidPackage(o.what, "breaks off");
  }
}

/** The bytes of one entry, to be read once or not at all. */
class Content implements AsyncIterable<Uint8Array> {
  readonly #stream: AsyncIterable<unknown>;
  readonly #header: Header;
  readonly #feed: Feed;
  readonly #what: string;
  #isRead = false;

  constructor(stream: AsyncIterable<unknown>, header: Header, feed: Feed, what: string) {
    this.#stream = stream;
    this.#header = header;
    this.#feed = feed;
    this.#what = what;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    this.#isRead = true;
    let length = 0;
    for await (const chunk of this.#stream) {
      if (!(chunk instanceof Uint8Array)) {
        throw new Error(`the parser gave ${typeof chunk}`);
      }
      this.#feed.progressed();
      length += chunk.length;
      yield chunk;
    }
    if (length !== this.#header.size) {
      throw invalidPackage(this.#what, "breaks off", this.#header.name);
    }
  }

  /** Gets what nobody has begun to read out of the way of the next entry. */
  async skip(): Promise<void> {
    if (!this.#isRead) {
      for await (const _ of this) {
        // It counts as progress.
      }
    }
  }
}

/** Moves a source's bytes into the parser, as fast as that takes them. */
class Feed {
  readonly #source: AsyncIterable<Uint8Array>;
  readonly #parser: Extract;
  readonly #what: string;
  readonly #maxBytes: number;
  #sinceProgress = 0;
  /** How many bytes so far. */
  bytes = 0;

  constructor(
    source: AsyncIterable<Uint8Array>,
    parser: Extract,
    { what, maxBytes }: { readonly what: string; readonly maxBytes: number },
  ) {
    this.#source = source;
    this.#parser = parser;
    this.#what = what;
    this.#maxBytes = maxBytes;
  }

  /** Never rejects: whoever reads the entries is told. */
  async run(): Promise<void> {
    try {
      for await (const chunk of this.#source) {
        for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
          if (this.#parser.destroying) {
            return;
          }
          await this.#write(chunk.subarray(at, at + PIECE_BYTES));
        }
      }
      this.#parser.end(undefined);
    } catch (error) {
      this.#parser.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /**
   * Says that an entry begins.
   *
   * @throws NodeError `TOO_LARGE` before any of it is read
   */
  expect(sizeBytes: number): void {
    this.progressed();
    if (sizeBytes > this.#maxBytes) {
      throw this.#tooLarge();
    }
  }

  /** Says that the parser has given something. */
  progressed(): void {
    this.#sinceProgress = 0;
  }

  async #write(piece: Uint8Array): Promise<void> {
    this.bytes += piece.length;
    this.#sinceProgress += piece.length;
    if (this.bytes > this.#maxBytes) {
      throw this.#tooLarge();
    }
    if (this.#sinceProgress > HEADERS_MAX_BYTES) {
      throw invalidPackage(this.#what, `has more than ${HEADERS_MAX_BYTES} bytes without a file in them`);
    }
    if (!this.#parser.write(piece)) {
      await this.#drained();
    }
  }

  /** Waits until the parser wants more, or nothing any more. */
  async #drained(): Promise<void> {
    const parser = this.#parser;
    if (parser.destroyed) {
      return;
    }
    await new Promise<void>((resolve) => {
      const done = () => {
        parser.off("drain", done);
        parser.off("close", done);
        resolve();
      };
      parser.on("drain", done);
      parser.on("close", done);
    });
  }

  #tooLarge(): NodeError {
    return new NodeError("TOO_LARGE", `${this.#what} has more than ${this.#maxBytes} bytes when it is unpacked`);
  }
}
