import { constants } from "node:os";
import {
  binariesOf,
  decodeEnvelope,
  encodeEnvelope,
  isSameEnvelope,
  MANAGER_TITLE,
  parseEnvelope,
} from "@nodemanager/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { failureOf } from "./failure.ts";

const SHA256 = "0123456789abcdef".repeat(4);
const MINIMAL = { title: "maps", version: "1.2.3", binary: { sha256: SHA256, sizeBytes: 7 } };

const TAR = { sha256: SHA256, sizeBytes: 9, format: "tar" };

/** The field that an error names when the minimal envelope is changed so. */
function fieldOf(changes: Readonly<Record<string, unknown>>): string | undefined {
  const failure = failureOf(() => decodeEnvelope({ ...MINIMAL, ...changes }, "the test"));
  expect(failure.reason).toBe("INVALID_ENVELOPE");
  expect(failure.message).toContain("envelope from the test: ");
  expect(failure.message).toContain(failure.metadata.field);
  return failure.metadata.field;
}

test("what an envelope leaves out has its default", () => {
  expect(decodeEnvelope(MINIMAL, "the test")).toEqual({
    ...MINIMAL,
    args: [],
    env: {},
    readiness: { kind: "none", settleMs: 200, timeoutMs: 30_000 },
    stop: { signal: "SIGTERM", graceMs: 10_000 },
    packages: {},
    soakMs: 3000,
    publisher: "",
  });
});

test.each([
  [{ kind: "none" }, { kind: "none", settleMs: 200, timeoutMs: 30_000 }],
  [
    { kind: "fd", timeoutMs: 5 },
    { kind: "fd", timeoutMs: 5 },
  ],
  [
    { kind: "tcp", port: 80 },
    { kind: "tcp", host: "127.0.0.1", port: 80, timeoutMs: 30_000 },
  ],
  [
    { kind: "http", url: "http://[::1]:80/x" },
    { kind: "http", url: "http://[::1]:80/x", timeoutMs: 30_000 },
  ],
  [{ kind: "handshake" }, { kind: "handshake", timeoutMs: 30_000 }],
  [{ kind: "appcycle" }, { kind: "appcycle", timeoutMs: 30_000 }],
])("readiness %j", (readiness, expected) => {
  expect(decodeEnvelope({ ...MINIMAL, readiness }, "the test").readiness).toEqual(expected);
});

test("fields of a newer publisher are left alone", () => {
  expect(decodeEnvelope({ ...MINIMAL, signature: "x", schemaVersion: 1 }, "the test")).not.toHaveProperty("signature");
});

describe("an error names the field", () => {
  test.each([
    ["schemaVersion", { schemaVersion: 2 }],
    ["title", { title: undefined }],
    ["title", { title: 5 }],
    ["version", { version: undefined }],
    ["version", { version: "1.2" }],
    ["version", { version: "v1.2.3" }],
    ["version", { version: "1.2.3 " }],
    ["version", { version: "01.2.3" }],
    ["version", { version: "1.2.3-01" }],
    ["version", { version: "1.2.3-" }],
    ["version", { version: `1.2.3-${"a".repeat(128)}` }],
    ["version", { version: "99999999999.0.0" }],
    ["args", { args: "x" }],
    ["args", { args: Array.from({ length: 4097 }, () => "x") }],
    ["args.1", { args: ["x", 1] }],
    ["args.0", { args: ["a\0b"] }],
    ["args.0", { args: ["\ud800"] }],
    ["args.0", { args: ["a".repeat(128 * 1024)] }],
    ["env", { env: [] }],
    ["env", { env: "x" }],
    ["env", { env: null }],
    ["env", { env: { constructor: "x" } }],
    ["env", { env: JSON.parse('{"__proto__": "x"}') }],
    ["env.A", { env: { A: 1 } }],
    ["env.A", { env: { A: "\0" } }],
    ["env.A=B", { env: { "A=B": "x" } }],
    ["env.1A", { env: { "1A": "x" } }],
    ["env.NODED_ROOT", { env: { NODED_ROOT: "x" } }],
    ["env.NOTIFY_FD", { env: { NOTIFY_FD: "x" } }],
    ["binary", { binary: undefined }],
    ["binary", { binary: SHA256 }],
    ["binary.sha256", { binary: { sizeBytes: 1 } }],
    ["binary.sha256", { binary: { sha256: SHA256.toUpperCase(), sizeBytes: 1 } }],
    ["binary.sha256", { binary: { sha256: `${SHA256}0`, sizeBytes: 1 } }],
    ["binary.sha256", { binary: { sha256: `../${SHA256.slice(3)}`, sizeBytes: 1 } }],
    ["binary.sizeBytes", { binary: { sha256: SHA256 } }],
    ["binary.sizeBytes", { binary: { sha256: SHA256, sizeBytes: -1 } }],
    ["binary.sizeBytes", { binary: { sha256: SHA256, sizeBytes: 1.5 } }],
    ["binary.sizeBytes", { binary: { sha256: SHA256, sizeBytes: 2 ** 53 } }],
    ["command", { command: "app/run", packages: { app: TAR } }],
    ["command", { binary: undefined, command: "app/run" }],
    ["command", { binary: undefined, command: "other/run", packages: { app: TAR } }],
    ["command", { binary: undefined, command: "/app/run", packages: { app: TAR } }],
    ["command", { binary: undefined, command: "app/../run", packages: { app: TAR } }],
    ["command", { binary: undefined, command: "./app/run", packages: { app: TAR } }],
    ["command", { binary: undefined, command: "app//run", packages: { app: TAR } }],
    ["command", { binary: undefined, command: "app/run/", packages: { app: TAR } }],
    ["command", { binary: undefined, command: "app/a\0b", packages: { app: TAR } }],
    ["command", { binary: undefined, command: "", packages: { app: TAR } }],
    ["packages", { packages: [] }],
    ["packages", { packages: JSON.parse('{"__proto__": {}}') }],
    ["packages", { packages: Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`p${index}`, TAR])) }],
    ["packages.../x", { packages: { "../x": TAR } }],
    ["packages..hidden", { packages: { ".hidden": TAR } }],
    ["packages.-rf", { packages: { "-rf": TAR } }],
    ["packages.a/b", { packages: { "a/b": TAR } }],
    ["packages.app.format", { packages: { app: { ...TAR, format: "zip" } } }],
    ["packages.app.sha256", { packages: { app: { ...TAR, sha256: "0" } } }],
    ["packages.app.sizeBytes", { packages: { app: { ...TAR, sizeBytes: -1 } } }],
    ["soakMs", { soakMs: -1 }],
    ["soakMs", { soakMs: 24 * 60 * 60 * 1000 + 1 }],
    ["readiness", { readiness: "none" }],
    ["readiness.kind", { readiness: {} }],
    ["readiness.kind", { readiness: { kind: "soon" } }],
    ["readiness.port", { readiness: { kind: "tcp" } }],
    ["readiness.port", { readiness: { kind: "tcp", port: 0 } }],
    ["readiness.port", { readiness: { kind: "tcp", port: 65_536 } }],
    ["readiness.host", { readiness: { kind: "tcp", port: 1, host: 1 } }],
    ["readiness.url", { readiness: { kind: "http", url: "https://localhost/" } }],
    ["readiness.url", { readiness: { kind: "http", url: "http://" } }],
    ["readiness.url", { readiness: { kind: "http" } }],
    ["readiness.timeoutMs", { readiness: { kind: "fd", timeoutMs: 0 } }],
    ["readiness.timeoutMs", { readiness: { kind: "fd", timeoutMs: 24 * 60 * 60 * 1000 + 1 } }],
    ["readiness.settleMs", { readiness: { kind: "none", settleMs: -1 } }],
    ["stop", { stop: "SIGTERM" }],
    ["stop.signal", { stop: { signal: "TERM" } }],
    ["stop.signal", { stop: { signal: "toString" } }],
    ["stop.signal", { stop: { signal: 15 } }],
    ["stop.signal", { stop: { signal: "SIGSTOP" } }],
    ["stop.signal", { stop: { signal: "SIGCONT" } }],
    ["stop.graceMs", { stop: { graceMs: -1 } }],
    ["stop.graceMs", { stop: { graceMs: null } }],
    ["publisher", { publisher: 1 }],
    ["publisher", { publisher: "a\0b" }],
    ["publisher", { publisher: "a".repeat(1025) }],
  ])("%s: %j", (field, changes) => {
    expect(fieldOf(changes)).toBe(field);
  });

  test.each([[null], ["text"], [1], [undefined]])("the document: %j", (value) => {
    expect(failureOf(() => decodeEnvelope(value, "the test"))).toMatchObject({
      reason: "INVALID_ENVELOPE",
      metadata: { field: "the document" },
    });
  });
});

test("a program may be in a package, and the manager may be offered under its own title", () => {
  const { binary: _, ...withoutBinary } = MINIMAL;
  const read = decodeEnvelope(
    { ...withoutBinary, title: MANAGER_TITLE, command: "app/bin/..run", packages: { app: TAR } },
    "the test",
  );
  expect(read).toMatchObject({ title: MANAGER_TITLE, command: "app/bin/..run", packages: { app: TAR } });
  expect(read).not.toHaveProperty("binary");
  expect(binariesOf(read)).toEqual([TAR]);
  expect(binariesOf(decodeEnvelope({ ...MINIMAL, packages: { app: TAR } }, "the test"))).toEqual([MINIMAL.binary, TAR]);
});

test("two envelopes are the same when they say the same, in whatever order", () => {
  const one = decodeEnvelope({ ...MINIMAL, env: { A: "1", B: "2" }, packages: { app: TAR } }, "one");
  const other = decodeEnvelope({ packages: { app: TAR }, env: { B: "2", A: "1" }, ...MINIMAL }, "other");
  expect(isSameEnvelope(one, other)).toBe(true);
  expect(isSameEnvelope(one, { ...one, command: undefined })).toBe(true);
  for (const change of [
    { version: "1.2.4" },
    { args: ["x"] },
    { env: { A: "1" } },
    { binary: { sha256: SHA256, sizeBytes: 8 } },
    { packages: {} },
    { readiness: { kind: "fd", timeoutMs: 1 } as const },
    { stop: { signal: "SIGINT", graceMs: 10_000 } as const },
    { soakMs: 1 },
    { publisher: "me" },
  ]) {
    expect(isSameEnvelope(one, { ...one, ...change }), JSON.stringify(change)).toBe(false);
  }
});

test.each([
  ["a/b", "INVALID_TITLE"],
  ["", "INVALID_TITLE"],
  ["Node Manager", "RESERVED_TITLE"],
])("the title %j is refused: %s", (title, reason) => {
  expect(failureOf(() => decodeEnvelope({ ...MINIMAL, title }, "the test")).reason).toBe(reason);
});

test.each(["", "{", "not JSON", '{"title":"x"', "\ufeff{}"])("the text %j is not JSON", (text) => {
  expect(failureOf(() => parseEnvelope(text, "the test")).reason).toBe("INVALID_ENVELOPE");
});

test("what is written is read back", () => {
  const text = fc.string({ unit: "grapheme", maxLength: 20 }).filter((s) => !s.includes("\0") && s.isWellFormed());
  const timeoutMs = fc.integer({ min: 1, max: 86_400_000 });
  const readiness = fc.oneof(
    fc.record({ kind: fc.constant("none"), settleMs: fc.nat(1000), timeoutMs }),
    fc.record({ kind: fc.constantFrom("fd", "handshake", "appcycle"), timeoutMs }),
    fc.record({ kind: fc.constant("tcp"), host: text, port: fc.integer({ min: 1, max: 65_535 }), timeoutMs }),
    fc.record({ kind: fc.constant("http"), url: fc.webUrl({ validSchemes: ["http"] }), timeoutMs }),
  );
  const envelope = fc.record({
    title: fc.constantFrom("maps", "google maps", "🚀"),
    version: fc.constantFrom("0.0.0", "1.2.3-rc.1+build.7", "1.0.0-0a.b"),
    args: fc.array(text, { maxLength: 4 }),
    env: fc.dictionary(fc.stringMatching(/^[A-MO-Z_][A-Z0-9_]{0,8}$/), text, { maxKeys: 4 }),
    binary: fc.record({ sha256: fc.stringMatching(/^[0-9a-f]{64}$/), sizeBytes: fc.maxSafeNat() }),
    readiness,
    stop: fc.record({
      signal: fc.constantFrom(
        ...Object.keys(constants.signals).filter((name) => !/^SIG(STOP|TSTP|TTIN|TTOU|CONT)$/.test(name)),
      ),
      graceMs: fc.nat(86_400_000),
    }),
    packages: fc.dictionary(
      fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,9}$/),
      fc.record({
        sha256: fc.stringMatching(/^[0-9a-f]{64}$/),
        sizeBytes: fc.maxSafeNat(),
        format: fc.constantFrom("file", "tar", "tar.gz"),
      }),
      { maxKeys: 4 },
    ),
    soakMs: fc.nat(86_400_000),
    publisher: text,
  });
  fc.assert(
    fc.property(envelope, (written) => {
      const read = decodeEnvelope(written, "the test");
      expect(read).toEqual(written);
      expect(parseEnvelope(JSON.stringify(encodeEnvelope(read)), "the test")).toEqual(read);
    }),
  );
});

test("nothing that JSON can say makes it fail otherwise", () => {
  fc.assert(
    fc.property(
      fc.json(),
      fc.record({ readiness: fc.jsonValue(), stop: fc.jsonValue(), env: fc.jsonValue() }),
      (text, changes) => {
        for (const work of [() => parseEnvelope(text, "x"), () => decodeEnvelope({ ...MINIMAL, ...changes }, "x")]) {
          try {
            expect(work().binary?.sha256).toMatch(/^[0-9a-f]{64}$/);
          } catch (error) {
            expect(error).toHaveProperty(
              "reason",
              expect.stringMatching(/^(INVALID_ENVELOPE|INVALID_TITLE|RESERVED_TITLE)$/),
            );
          }
        }
      },
    ),
    { numRuns: 300 },
  );
});
