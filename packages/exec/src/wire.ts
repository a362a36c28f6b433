/**
 * The bytes of the exec protocol, version 1. Imports nothing, so that a child can use it without the parent's packages.
 *
 * File descriptor 3 carries two frames to the child: the configuration (a JSON object of strings in UTF-8) and the
 * secret. A frame is its length as 8 bytes, big-endian, and that many bytes. File descriptor 4 carries one line from the
 * child: `ready` or `failed <text>`.
 */

/** The value of `NODED_EXEC_VERSION`. */
export const EXEC_VERSION = "1";
/** The most bytes that a frame may carry. */
export const FRAME_MAX_BYTES: number = 1024 * 1024;
/** The most bytes that a status line may have, its newline included. */
export const STATUS_MAX_BYTES = 4096;

const HEADER_BYTES = 8;
const NEWLINE = 0x0a;

/** What the parent hands over before the child begins. */
export interface ExecConfig {
  readonly values: Readonly<Record<string, string>>;
  readonly secret: string;
}

/** What the child says. */
export type Status = { readonly kind: "ready" } | { readonly kind: "failed"; readonly text: string };

/** Bytes that are not of the protocol; the message says which. */
export class WireError extends Error {
  override readonly name = "WireError";
}

/** @throws WireError when there are more than {@link FRAME_MAX_BYTES} */
export function encodeFrame(payload: Uint8Array): Uint8Array {
  if (payload.length > FRAME_MAX_BYTES) {
    throw new WireError(`a frame carries at most ${FRAME_MAX_BYTES} bytes, not ${payload.length}`);
  }
  const frame = new Uint8Array(HEADER_BYTES + payload.length);
  new DataView(frame.buffer).setUint32(4, payload.length);
  frame.set(payload, HEADER_BYTES);
  return frame;
}

/** The two frames of a configuration, in order. @throws WireError when one of them is too long */
export function encodeConfig(config: ExecConfig): Uint8Array {
  const encoder = new TextEncoder();
  const values = encodeFrame(encoder.encode(JSON.stringify(config.values)));
  const secret = encodeFrame(encoder.encode(config.secret));
  const bytes = new Uint8Array(values.length + secret.length);
  bytes.set(values);
  bytes.set(secret, values.length);
  return bytes;
}

/** Reads a configuration back from the payloads of its two frames. @throws WireError */
export function decodeConfig(values: Uint8Array, secret: Uint8Array): ExecConfig {
  let parsed: unknown;
  try {
    parsed = JSON.parse(decodeText(values, "the configuration"));
  } catch (error) {
    throw error instanceof WireError ? error : new WireError("the configuration is not JSON", { cause: error });
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new WireError("the configuration is not a JSON object");
  }
  const entries: [string, string][] = [];
  for (const [key, value] of Object.entries(parsed)) {
    if (typeof value !== "string") {
      throw new WireError(`the configuration's ${JSON.stringify(key)} is not a string`);
    }
    entries.push([key, value]);
  }
  return { values: Object.fromEntries(entries), secret: decodeText(secret, "the secret") };
}

/** Takes bytes in whatever pieces they arrive and gives the frames that are complete. */
export class FrameDecoder {
  #received: Uint8Array = new Uint8Array(0);

  /** @throws WireError when a length is beyond {@link FRAME_MAX_BYTES}; nothing more can be read then */
  push(chunk: Uint8Array): readonly Uint8Array[] {
    this.#received = concat(this.#received, chunk);
    const frames: Uint8Array[] = [];
    for (;;) {
      if (this.#received.length < HEADER_BYTES) {
        return frames;
      }
      const header = new DataView(this.#received.buffer, this.#received.byteOffset, HEADER_BYTES);
      const length = header.getBigUint64(0);
      if (length > BigInt(FRAME_MAX_BYTES)) {
        throw new WireError(`a frame carries at most ${FRAME_MAX_BYTES} bytes, not ${length}`);
      }
      const end = HEADER_BYTES + Number(length);
      if (this.#received.length < end) {
        return frames;
      }
      frames.push(this.#received.subarray(HEADER_BYTES, end));
      this.#received = this.#received.subarray(end);
    }
  }
}

/**
 * The line for a status. Line breaks in the text become spaces, broken Unicode becomes U+FFFD, and what is beyond
 * {@link STATUS_MAX_BYTES} is cut off.
 */
export function encodeStatus(status: Status): Uint8Array {
  const encoder = new TextEncoder();
  if (status.kind === "ready") {
    return encoder.encode("ready\n");
  }
  const line = new Uint8Array(STATUS_MAX_BYTES);
  const text = `failed ${status.text.toWellFormed().replace(/[\r\n]+/g, " ")}`;
  const { written } = encoder.encodeInto(text, line.subarray(0, STATUS_MAX_BYTES - 1));
  line[written] = NEWLINE;
  return line.subarray(0, written + 1);
}

/** Reads a status line without its newline. Bytes that are not UTF-8 become U+FFFD. @throws WireError */
export function decodeStatus(line: Uint8Array): Status {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(line);
  if (text === "ready") {
    return { kind: "ready" };
  }
  if (text === "failed" || text.startsWith("failed ")) {
    return { kind: "failed", text: text.slice("failed ".length) };
  }
  throw new WireError(`neither "ready" nor "failed <text>": ${JSON.stringify(text.slice(0, 100))}`);
}

function decodeText(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new WireError(`${what} is not UTF-8`, { cause: error });
  }
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) {
    return b;
  }
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
