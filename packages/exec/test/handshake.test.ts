import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Dialect,
  type HandshakeEvent,
  type HandshakeState,
  INITIAL,
  NOTIFY_MAX_BYTES,
  nextHandshake,
} from "../src/handshake.ts";
import { STATUS_MAX_BYTES } from "../src/wire.ts";

// The machine is not part of the package's interface: it is tested where it is.

const data = (text: string): HandshakeEvent => ({ kind: "data", bytes: Buffer.from(text, "latin1") });
const exit: HandshakeEvent = { kind: "exit", exit: { kind: "code", code: 3 } };

function run(dialect: Dialect, ...events: readonly HandshakeEvent[]): HandshakeState {
  return events.reduce((state, event) => nextHandshake(state, event, dialect), INITIAL);
}

function outcome(dialect: Dialect, ...events: readonly HandshakeEvent[]): unknown {
  const state = run(dialect, ...events);
  return state.kind === "decided" ? state.outcome : state.kind;
}

describe("by the status line", () => {
  test("a child is ready", () => {
    expect(outcome("status", data("rea"), data("dy\n"))).toEqual({ kind: "ready" });
  });

  test("a child has failed, and exits", () => {
    expect(outcome("status", data("failed no licence\n"), { kind: "end" }, exit)).toEqual({
      kind: "failed",
      text: "no licence",
    });
  });

  test("the first line counts", () => {
    expect(outcome("status", data("ready\nfailed x\n"), data("garbage\n"))).toEqual({ kind: "ready" });
  });

  test("garbage is an error at once", () => {
    expect(outcome("status", data("\x00\xff\n"))).toMatchObject({ kind: "malformed" });
  });

  test("a line has its greatest length, and not one byte more", () => {
    const longest = `failed ${"x".repeat(STATUS_MAX_BYTES - 8)}\n`;
    expect(longest).toHaveLength(STATUS_MAX_BYTES);
    expect(outcome("status", data(longest))).toMatchObject({ kind: "failed" });
    expect(outcome("status", data(`failed x${longest.slice(7)}`))).toMatchObject({ kind: "malformed" });
    expect(outcome("status", data("x".repeat(STATUS_MAX_BYTES)))).toBe("waiting");
    expect(outcome("status", data("x".repeat(STATUS_MAX_BYTES)), data("x"))).toMatchObject({ kind: "malformed" });
  });

  test("a line without its end is none", () => {
    expect(outcome("status", data("ready"), { kind: "end" })).toBe("ended");
    expect(outcome("status", data("ready"), { kind: "end" }, { kind: "silence" })).toMatchObject({ kind: "malformed" });
    expect(outcome("status", data("ready"), { kind: "end" }, exit)).toEqual({ kind: "exited", exit: exit.exit });
  });
});

describe("by a newline", () => {
  test("anything before it does not matter", () => {
    expect(outcome("newline", data("starting..."), data("50%"), data("\n"))).toEqual({ kind: "ready" });
  });

  test("too much before it does", () => {
    expect(outcome("newline", data("x".repeat(NOTIFY_MAX_BYTES)))).toBe("waiting");
    expect(outcome("newline", data("x".repeat(NOTIFY_MAX_BYTES)), data("x"))).toMatchObject({ kind: "malformed" });
  });
});

describe("whatever happens", () => {
  const event: fc.Arbitrary<HandshakeEvent> = fc.oneof(
    fc.record({
      kind: fc.constant("data" as const),
      bytes: fc.oneof(
        fc.uint8Array({ maxLength: 20 }),
        fc.constantFrom("ready\n", "rea", "dy", "\n", "failed x\n").map((text) => Buffer.from(text)),
      ),
    }),
    fc.constantFrom<HandshakeEvent>({ kind: "end" }, { kind: "silence" }, { kind: "abandon" }, exit),
  );
  const dialect = fc.constantFrom<Dialect>("status", "newline");

  test("what is decided stays so", () => {
    fc.assert(
      fc.property(dialect, fc.array(event), event, (spoken, before, after) => {
        const state = run(spoken, ...before);
        if (state.kind === "decided") {
          expect(nextHandshake(state, after, spoken)).toBe(state);
        }
      }),
    );
  });

  test("an exit and an abandonment decide", () => {
    fc.assert(
      fc.property(
        dialect,
        fc.array(event),
        fc.constantFrom<HandshakeEvent>(exit, { kind: "abandon" }),
        (spoken, before, last) => {
          expect(run(spoken, ...before, last).kind).toBe("decided");
        },
      ),
    );
  });

  test("the pieces that bytes arrive in do not matter", () => {
    const text = fc.constantFrom("ready\nmore", "failed because\n", "garbage\n", "ready", "");
    fc.assert(
      fc.property(dialect, text, fc.array(fc.nat(4)), (spoken, whole, sizes) => {
        const pieces: HandshakeEvent[] = [];
        let at = 0;
        for (const size of [...sizes, whole.length]) {
          pieces.push(data(whole.slice(at, at + size)));
          at += size;
        }
        expect(run(spoken, ...pieces)).toEqual(run(spoken, data(whole)));
      }),
    );
  });

  test("no more is kept than the greatest line", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 500, maxLength: 2000 }), { maxLength: 20 }), (chunks) => {
        const state = run("status", ...chunks.map((bytes): HandshakeEvent => ({ kind: "data", bytes })));
        expect(state.kind === "decided" ? 0 : state.received.length).toBeLessThanOrEqual(STATUS_MAX_BYTES);
      }),
    );
  });
});
