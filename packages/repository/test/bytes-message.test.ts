import { DownloadResponse, UploadRequest } from "@nodemanager/proto/v1";
import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeBytesMessage, encodeBytesMessage } from "../src/grpc/bytes-message.ts";

const SIZES = [0, 1, 127, 128, 16_383, 16_384, 256 * 1024, 2_097_151, 2_097_152];

test.each(SIZES)("%d bytes are encoded as the generated code does, and each reads the other", (size) => {
  const chunk = Buffer.alloc(size, "x");
  const ours = encodeBytesMessage(1, chunk);
  // Proto3 leaves out a field that is empty; written, it means the same.
  if (size > 0) {
    expect(ours.equals(DownloadResponse.encode({ chunk }).finish())).toBe(true);
  }
  expect(DownloadResponse.decode(ours).chunk.equals(chunk)).toBe(true);
  expect(decodeBytesMessage(1, ours)?.equals(chunk)).toBe(true);
  const request = encodeBytesMessage(2, chunk);
  expect(request.equals(UploadRequest.encode({ part: { $case: "chunk", value: chunk } }).finish())).toBe(true);
});

test("whatever it decodes, the generated code decodes the same", () => {
  const anything = fc.uint8Array({ maxLength: 12 });
  const almost = fc
    .tuple(fc.constantFrom(0x0a, 0x12, 0x08), fc.uint8Array({ maxLength: 6 }), fc.uint8Array({ maxLength: 200 }))
    .map(([tag, prefix, rest]) => Uint8Array.of(tag, ...prefix, ...rest));
  const right = fc.uint8Array({ maxLength: 300 }).map((chunk) => Uint8Array.from(encodeBytesMessage(1, chunk)));
  fc.assert(
    fc.property(fc.oneof(anything, almost, right), (message) => {
      const chunk = decodeBytesMessage(1, message);
      if (chunk) {
        expect(DownloadResponse.decode(message).chunk.equals(chunk)).toBe(true);
      }
    }),
    { numRuns: 1000 },
  );
});

test.each([
  { what: "nothing", bytes: [] },
  { what: "another field", bytes: [0x12, 1, 0] },
  { what: "no length", bytes: [0x0a] },
  { what: "half a length", bytes: [0x0a, 0x80] },
  { what: "too few bytes", bytes: [0x0a, 2, 0] },
  { what: "more bytes", bytes: [0x0a, 1, 0, 0] },
  { what: "an endless length", bytes: [0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0] },
])("$what is left to the generated code", ({ bytes }) => {
  expect(decodeBytesMessage(1, Uint8Array.from(bytes))).toBeUndefined();
});
