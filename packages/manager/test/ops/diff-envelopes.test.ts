import { decodeEnvelope, type Envelope, isSameEnvelope } from "@nodemanager/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { diffEnvelopes } from "../../src/ops/diff-envelopes.ts";

// Few values for each field, so that two of them are often the same.
const sha256 = fc.constantFrom("0", "1").map((digit) => digit.repeat(64));
const sizeBytes = fc.nat(2);
const name = fc.constantFrom("A", "B", "C");
const text = fc.constantFrom("", "x", "y=z w");
const packages = fc.dictionary(
  fc.constantFrom("web", "web.sha256"),
  fc.record({ sha256, sizeBytes, format: fc.constantFrom("file", "tar", "tar.gz") }),
);
const program = fc.oneof(
  fc.record({ binary: fc.record({ sha256, sizeBytes }), packages }),
  fc.record({
    command: fc.constantFrom("web/run", "web/go"),
    packages: fc.record({ sha256, sizeBytes, format: fc.constantFrom("tar", "tar.gz") }).map((web) => ({ web })),
  }),
);
const envelope: fc.Arbitrary<Envelope> = fc
  .record({
    program,
    version: fc.constantFrom("1.0.0", "2.0.0"),
    publisher: text,
    args: fc.array(text, { maxLength: 2 }),
    env: fc.dictionary(name, text),
    readiness: fc.constantFrom(
      { kind: "fd" },
      { kind: "none", settleMs: 5 },
      { kind: "tcp", port: 1 },
      { kind: "tcp", port: 1, host: "h" },
    ),
    stop: fc.constantFrom({}, { graceMs: 1 }, { signal: "SIGINT" }),
    soakMs: fc.nat(1),
  })
  .map(({ program, ...rest }) => decodeEnvelope({ title: "app", ...program, ...rest }, "a test"));

test("there is a difference exactly when two envelopes do not say the same", () => {
  fc.assert(
    fc.property(envelope, envelope, (from, to) => {
      expect(diffEnvelopes(from, to).length === 0).toBe(isSameEnvelope(from, to));
    }),
  );
});

test("an envelope does not differ from itself", () => {
  fc.assert(
    fc.property(envelope, (one) => {
      expect(diffEnvelopes(one, one)).toEqual([]);
    }),
  );
});

test("the way back has the same differences the other way round", () => {
  fc.assert(
    fc.property(envelope, envelope, (from, to) => {
      const back = diffEnvelopes(to, from).map((change) => ({ ...change, from: change.to, to: change.from }));
      expect(back).toEqual(diffEnvelopes(from, to));
    }),
  );
});

test("each field is named once, and the version comes before what is run", () => {
  fc.assert(
    fc.property(envelope, envelope, (from, to) => {
      const fields = diffEnvelopes(from, to).map(({ field }) => field);
      expect(new Set(fields).size).toBe(fields.length);
      expect([-1, 0]).toContain(fields.indexOf("version"));
    }),
  );
});

test("fields that come and go are empty on one side", () => {
  const binary = { sha256: "0".repeat(64), sizeBytes: 7 };
  const from = decodeEnvelope({ title: "app", version: "1.0.0", binary, env: { A: "1" } }, "a test");
  const web = { sha256: "1".repeat(64), sizeBytes: 9, format: "tar" };
  const to = decodeEnvelope(
    { title: "app", version: "1.1.0", command: "web/run", packages: { web }, args: ["-v", "a b"], env: { B: "2" } },
    "a test",
  );
  expect(diffEnvelopes(from, to)).toEqual([
    { field: "version", from: "1.0.0", to: "1.1.0" },
    { field: "binary.sha256", from: "0".repeat(64), to: "" },
    { field: "binary.size", from: "7", to: "" },
    { field: "command", from: "", to: "web/run" },
    { field: "packages.web.format", from: "", to: "tar" },
    { field: "packages.web.sha256", from: "", to: "1".repeat(64) },
    { field: "packages.web.size", from: "", to: "9" },
    { field: "args", from: "", to: '["-v","a b"]' },
    { field: "env.A", from: "1", to: "" },
    { field: "env.B", from: "", to: "2" },
  ]);
});
