import { decodeEnvelope, type Envelope } from "@nodemanager/core";
import { Envelope as EnvelopeMessage } from "@nodemanager/proto/v1";
import { failureOf, reasonOf } from "@nodemanager/testing";
import { durationMessage, durationMs, envelopeFromMessage, envelopeMessage } from "@nodemanager/transport";
import { describe, expect, test } from "vitest";

const minimal = { title: "shop", version: "1.2.3", binary: { sha256: "0".repeat(64), sizeBytes: 2 ** 40 } };

const READINESS = [
  undefined,
  { kind: "none", settleMs: 0, timeoutMs: 1 },
  { kind: "fd" },
  { kind: "tcp", port: 6379 },
  { kind: "tcp", host: "::1", port: 1, timeoutMs: 1234 },
  { kind: "http", url: "http://127.0.0.1:80/health" },
  { kind: "handshake" },
  { kind: "appcycle", timeoutMs: 86_400_000 },
];

describe("an envelope", () => {
  test.each(READINESS)("survives the wire, with readiness %j", (readiness) => {
    const envelope: Envelope = decodeEnvelope(
      { ...minimal, readiness, args: ["-a", ""], env: { A: "b" }, stop: { graceMs: 0 }, publisher: "me" },
      "the test",
    );
    const bytes = EnvelopeMessage.encode(envelopeMessage(envelope)).finish();
    expect(envelopeFromMessage(EnvelopeMessage.decode(bytes), "the wire")).toEqual(envelope);
  });

  test("survives the wire with its packages, and with its program in one of them", async () => {
    const { binary: _, ...withoutBinary } = minimal;
    const app = { sha256: "1".repeat(64), sizeBytes: 2 ** 33, format: "tar.gz" };
    const envelope = decodeEnvelope({ ...withoutBinary, command: "app/run", packages: { app }, soakMs: 0 }, "the test");
    const bytes = EnvelopeMessage.encode(envelopeMessage(envelope)).finish();
    expect(envelopeFromMessage(EnvelopeMessage.decode(bytes), "the wire")).toEqual(envelope);
    const huge = EnvelopeMessage.create({
      ...envelopeMessage(envelope),
      packages: { app: { ...app, sizeBytes: 2n ** 63n } },
    });
    expect(await failureOf(() => envelopeFromMessage(huge, "the wire"))).toMatchObject({
      metadata: { field: "packages.app.sizeBytes" },
    });
  });

  test("without its optional fields gets their defaults", () => {
    const message = EnvelopeMessage.create({ ...minimal, binary: { ...minimal.binary, sizeBytes: 2n ** 40n } });
    expect(envelopeFromMessage(message, "the wire")).toEqual(decodeEnvelope(minimal, "the test"));
  });

  test("with a readiness that only a newer program knows is refused", async () => {
    const known = envelopeMessage(decodeEnvelope({ ...minimal, readiness: { kind: "fd" } }, "the test"));
    const message = EnvelopeMessage.encode({ ...known, readiness: undefined }).finish();
    // Field 6, readiness: field 15 of it, a message without fields.
    const newer = EnvelopeMessage.decode(Buffer.concat([message, Buffer.from([0x32, 2, 0x7a, 0])]));
    const failure = await failureOf(() => envelopeFromMessage(newer, "the wire"));
    expect(failure.reason).toBe("INVALID_ENVELOPE");
    expect(failure.metadata).toEqual({ field: "readiness.kind" });
  });

  test("is checked as one from a file is", async () => {
    const message = EnvelopeMessage.create({ title: "a/b", version: "1.0.0" });
    expect(await reasonOf(() => envelopeFromMessage(message, "the wire"))).toBe("INVALID_ENVELOPE");
    const huge = EnvelopeMessage.create({ ...minimal, binary: { ...minimal.binary, sizeBytes: 2n ** 63n } });
    expect(await reasonOf(() => envelopeFromMessage(huge, "the wire"))).toBe("INVALID_ENVELOPE");
    const reserved = EnvelopeMessage.create({ ...message, ...minimal, title: "Node manager" });
    expect(await reasonOf(() => envelopeFromMessage(reserved, "the wire"))).toBe("RESERVED_TITLE");
  });
});

describe("a duration", () => {
  test.each([0, 1, 999, 1000, 1001.5, 86_400_000])("of %d ms survives", (ms) => {
    expect(durationMs(durationMessage(ms), "deadline")).toBe(Math.ceil(ms));
  });

  test("is from nothing to a year, or not there", async () => {
    expect(durationMs(undefined, "deadline")).toBeUndefined();
    expect(durationMs({ seconds: 0n, nanos: 1 }, "deadline")).toBe(1);
    for (const [seconds, nanos] of [
      [-1n, 0],
      [0n, -1],
      [0n, 1e9],
      [2n ** 62n, 0],
    ] as const) {
      expect(await reasonOf(() => durationMs({ seconds, nanos }, "deadline"))).toBe("INVALID_ARGUMENT");
    }
  });
});
