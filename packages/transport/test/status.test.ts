import { readFileSync } from "node:fs";
import { join } from "node:path";
import { NodeError, REASONS, type Reason, silentLogger } from "@nodemanager/core";
import { Any, ErrorInfo, RetryInfo, Status } from "@nodemanager/proto";
import { decodeStatus, encodeStatus, errorFromStatus, statusFromError } from "@nodemanager/transport";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RecordingLogger } from "./recording-logger.ts";

const LOCKED = new NodeError("ROOT_LOCKED", "locked", { metadata: { pid: "17" } });
const EVERY_REASON = Object.keys(REASONS) as Reason[];

describe("an error of ours", () => {
  test.each(EVERY_REASON)("comes back from the wire: %s", (reason) => {
    const error = new NodeError(reason, "what, which", { metadata: { pid: "17" }, cause: new Error("secret") });
    const wire = statusFromError(error, silentLogger);
    const back = errorFromStatus(wire);
    expect(back).toBeInstanceOf(NodeError);
    expect(back).toMatchObject({ reason, message: "what, which", metadata: { pid: "17" } });
    expect(JSON.stringify(wire)).not.toContain("secret");
    expect(decodeStatus(Status.decode(Status.encode(encodeStatus(error)).finish())).reason).toBe(reason);
  });

  test("has the bytes of the README", () => {
    const readme = readFileSync(join(import.meta.dirname, "../README.md"), "utf8");
    const [, block = ""] = /```\n(08 09[^`]*)```/.exec(readme) ?? [];
    // Hexadecimal comes first in a line; two blanks and more, then what it says.
    const hex = block.split("\n").map((line) => line.trim().split(/ {2,}/)[0]?.replaceAll(" ", ""));
    expect(Buffer.from(statusFromError(LOCKED, silentLogger).details).toString("hex")).toBe(hex.join(""));
  });

  test("has the details that other clients know", () => {
    const error = LOCKED;
    const { code, message, details } = Status.decode(statusFromError(error, silentLogger).details);
    expect({ code, message }).toEqual({ code: 9, message: "locked" });
    const [info, retry, ...rest] = details;
    expect(rest).toEqual([]);
    expect(info?.typeUrl).toBe("type.googleapis.com/google.rpc.ErrorInfo");
    expect(ErrorInfo.decode(info?.value ?? Buffer.alloc(0))).toEqual({
      reason: "ROOT_LOCKED",
      domain: "nodemanager.dev",
      metadata: { pid: "17" },
    });
    expect(retry?.typeUrl).toBe("type.googleapis.com/google.rpc.RetryInfo");
    expect(RetryInfo.decode(retry?.value ?? Buffer.alloc(0))).toEqual({ retryDelay: { seconds: 5n, nanos: 0 } });
  });

  test("advises to try again only where that may help", () => {
    for (const reason of EVERY_REASON) {
      const advice = encodeStatus(new NodeError(reason, "x")).details.filter((any) => /RetryInfo$/.test(any.typeUrl));
      expect(advice).toHaveLength(REASONS[reason].retry === "no" ? 0 : 1);
    }
  });

  test("is cut to what trailers can carry, without breaking characters", () => {
    const long = "😀".repeat(10_000);
    const wire = statusFromError(new NodeError("INTERNAL", long, { metadata: { a: long, b: "x" } }), silentLogger);
    expect(wire.details.length).toBeLessThan(16 * 1024);
    const back = errorFromStatus(wire);
    expect(back.message.isWellFormed()).toBe(true);
    expect(back.message.endsWith("…")).toBe(true);
    expect(Object.keys(back.metadata)).toEqual(["a", "b"]);
  });
});

describe("any other error", () => {
  test("is sent as INTERNAL with a correlation id, under which its whole chain is logged", () => {
    const logger = new RecordingLogger();
    const error = new Error("ENOENT: open '/var/secret/path'", { cause: new Error("the root of it") });
    const wire = statusFromError(error, logger);
    const back = errorFromStatus(wire);
    expect(back.reason).toBe("INTERNAL");
    expect(`${wire.message}${Buffer.from(wire.details)}`).not.toMatch(/secret|ENOENT|root of it/);
    const { correlationId } = back.metadata;
    expect(correlationId).toMatch(/^[a-z2-7]{26}$/);
    const [record] = logger.records;
    expect(record).toMatchObject({ level: "error", fields: { correlationId } });
    expect(record?.fields.error).toMatch(/secret[\s\S]*the root of it/);
  });

  test.each([undefined, null, "text", { toString: () => "an object" }])("even when it is no Error: %s", (thrown) => {
    expect(errorFromStatus(statusFromError(thrown, silentLogger)).reason).toBe("INTERNAL");
  });
});

describe("a status from elsewhere", () => {
  test.each([
    [1, "CANCELLED"],
    [2, "INTERNAL"],
    [3, "INVALID_ARGUMENT"],
    [4, "DEADLINE_EXCEEDED"],
    [5, "INTERNAL"],
    [8, "TOO_LARGE"],
    [12, "NOT_IMPLEMENTED"],
    [14, "REPOSITORY_UNAVAILABLE"],
    [16, "UNAUTHENTICATED"],
    [99, "INTERNAL"],
  ])("without details gets the general reason of its code: %d is %s", (code, reason) => {
    const error = errorFromStatus({ code, message: "said so" }, { unavailable: "REPOSITORY_UNAVAILABLE" });
    expect(error).toMatchObject({ reason, message: "said so" });
  });

  test("with a reason that is newer than this program keeps it as a fact", () => {
    const info = ErrorInfo.encode({ reason: "FROM_THE_FUTURE", domain: "nodemanager.dev", metadata: { a: "b" } });
    const details = Status.encode({
      code: 9,
      message: "new",
      details: [Any.create({ typeUrl: "type.googleapis.com/google.rpc.ErrorInfo", value: Buffer.from(info.finish()) })],
    }).finish();
    expect(errorFromStatus({ code: 9, message: "new", details })).toMatchObject({
      reason: "INTERNAL",
      metadata: { a: "b", peerReason: "FROM_THE_FUTURE" },
    });
  });

  test("made of any bytes is still an error with a reason", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.integer(), fc.string(), (details, code, message) => {
        expect(errorFromStatus({ code, message, details })).toBeInstanceOf(NodeError);
      }),
    );
  });

  test("of another domain, or with garbage for details, is read by its code", () => {
    const info = ErrorInfo.encode({ reason: "ROOT_LOCKED", domain: "elsewhere.example", metadata: {} });
    const value = Buffer.from(info.finish());
    const status = { code: 3, message: "x", details: [Any.create({ typeUrl: "x/google.rpc.ErrorInfo", value })] };
    expect(decodeStatus(status).reason).toBe("INVALID_ARGUMENT");
    const garbage = { code: 3, message: "x", details: Buffer.from("ffffffff", "hex") };
    expect(errorFromStatus(garbage).reason).toBe("INVALID_ARGUMENT");
    const broken = [Any.create({ typeUrl: "x/google.rpc.ErrorInfo", value: Buffer.from("ff", "hex") })];
    expect(decodeStatus({ code: 3, message: "x", details: broken }).reason).toBe("INVALID_ARGUMENT");
  });
});
