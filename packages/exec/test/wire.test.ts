import { readFileSync } from "node:fs";
import {
  decodeConfig,
  decodeStatus,
  encodeConfig,
  encodeFrame,
  encodeStatus,
  FRAME_MAX_BYTES,
  FrameDecoder,
  STATUS_MAX_BYTES,
  type Status,
  WireError,
} from "@nodemanager/exec";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

interface Vectors {
  readonly configurations: readonly { name: string; values: Record<string, string>; secret: string; hex: string }[];
  readonly statuses: readonly { name: string; status: Status; hex: string }[];
}

const vectors: Vectors = JSON.parse(readFileSync(new URL("vectors/wire.json", import.meta.url), "utf8"));
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const bytes = (text: string) => new TextEncoder().encode(text);

/** Both frames of a configuration, fed in pieces of the given sizes. */
function frames(encoded: Uint8Array, sizes: readonly number[] = []): Uint8Array[] {
  const decoder = new FrameDecoder();
  const found: Uint8Array[] = [];
  let at = 0;
  for (const size of [...sizes, encoded.length]) {
    found.push(...decoder.push(encoded.subarray(at, at + size)));
    at += size;
  }
  return found;
}

function decoded(encoded: Uint8Array, sizes?: readonly number[]) {
  const [values = new Uint8Array(), secret = new Uint8Array(), ...rest] = frames(encoded, sizes);
  expect(rest).toEqual([]);
  return decodeConfig(values, secret);
}

describe("the checked-in bytes", () => {
  test.each(vectors.configurations)("of a configuration with $name", ({ values, secret, hex: expected }) => {
    expect(hex(encodeConfig({ values, secret }))).toBe(expected);
    expect(decoded(Buffer.from(expected, "hex"))).toEqual({ values, secret });
  });

  test.each(vectors.statuses)("of a status: $name", ({ status, hex: expected }) => {
    expect(hex(encodeStatus(status))).toBe(expected);
    expect(decodeStatus(Buffer.from(expected, "hex").subarray(0, -1)).kind).toBe(status.kind);
  });
});

describe("a frame", () => {
  test("has its length before it, whatever pieces it arrives in", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: "binary" }), fc.string({ unit: "binary" })),
        fc.string({ unit: "binary" }),
        fc.array(fc.integer({ min: 0, max: 7 })),
        (values, secret, sizes) => {
          const back = decoded(encodeConfig({ values, secret }), sizes);
          expect(Object.entries(back.values)).toEqual(Object.entries(JSON.parse(JSON.stringify(values))));
          expect(back.secret).toBe(secret);
        },
      ),
    );
  });

  test("of the greatest length is carried, one byte more is refused on both sides", () => {
    const greatest = encodeFrame(new Uint8Array(FRAME_MAX_BYTES));
    expect(new FrameDecoder().push(greatest)[0]).toHaveLength(FRAME_MAX_BYTES);
    expect(() => encodeFrame(new Uint8Array(FRAME_MAX_BYTES + 1))).toThrow(WireError);
    const header = Buffer.alloc(8);
    header.writeBigUInt64BE(BigInt(FRAME_MAX_BYTES + 1));
    expect(() => new FrameDecoder().push(header)).toThrow(WireError);
  });

  test("of a length beyond 2^53 is refused before anything is kept for it", () => {
    expect(() => new FrameDecoder().push(Buffer.alloc(8, 0xff))).toThrow(WireError);
  });
});

describe("a configuration", () => {
  test.each([
    ["no JSON", bytes("{"), bytes("")],
    ["no object", bytes("[]"), bytes("")],
    ["null", bytes("null"), bytes("")],
    ["a number in it", bytes('{"a":1}'), bytes("")],
    ["broken UTF-8", Uint8Array.of(0x22, 0xff, 0x22), bytes("")],
    ["broken UTF-8 in the secret", bytes("{}"), Uint8Array.of(0xff)],
  ])("that is %s is refused", (_, values, secret) => {
    expect(() => decodeConfig(values, secret)).toThrow(WireError);
  });

  test("may hold a key that objects give a meaning to", () => {
    const values = JSON.parse('{"__proto__":"a","constructor":"b"}');
    expect(Object.entries(decoded(encodeConfig({ values, secret: "" })).values)).toEqual(Object.entries(values));
  });
});

describe("a status", () => {
  test("that is too long is cut off at a character", () => {
    const line = encodeStatus({ kind: "failed", text: "ä".repeat(STATUS_MAX_BYTES) });
    expect(line.length).toBeLessThanOrEqual(STATUS_MAX_BYTES);
    expect(line.indexOf(0x0a)).toBe(line.length - 1);
    expect(decodeStatus(line.subarray(0, -1))).toEqual({ kind: "failed", text: expect.stringMatching(/^ä+$/) });
  });

  test("with bytes that are not UTF-8 is read with U+FFFD in their place", () => {
    expect(decodeStatus(Buffer.concat([bytes("failed a"), Uint8Array.of(0xff, 0xfe), bytes("b")]))).toEqual({
      kind: "failed",
      text: "a\ufffd\ufffdb",
    });
  });

  test.each(["", "Ready", "ready ", " ready", "readyfailed", "failedx", "\ufeffready"])("is not %j", (line) => {
    expect(() => decodeStatus(bytes(line))).toThrow(WireError);
  });
});
