import { NodeError } from "@nodemanager/core";
import { stderrLogger } from "@nodemanager/noded/log";
import { expect, test } from "vitest";

function logged(level: Parameters<typeof stderrLogger>[0] = "info") {
  const lines: string[] = [];
  const records = () => lines.map((line): Record<string, unknown> => JSON.parse(line));
  return { logger: stderrLogger(level, (line) => lines.push(line)), lines, records };
}

test("a record is one line of JSON with time, level, message and fields", () => {
  const { logger, lines, records } = logged();
  logger
    .child({ a: 1 })
    .child({ b: 2n })
    .info("two\nlines", { c: [3] });
  expect(lines).toEqual([expect.stringMatching(/^\{.*\}\n$/)]);
  expect(records()).toEqual([
    { time: expect.stringMatching(/^\d{4}-.*Z$/), level: "info", message: "two\nlines", a: 1, b: "2", c: [3] },
  ]);
});

test("an error has its reason and cause, and, when it is not one of ours, its stack", () => {
  const { logger, records } = logged();
  const cause = new TypeError("inner");
  logger.error("failed", { error: new NodeError("DISK_FULL", "no room", { metadata: { dir: "/d" }, cause }) });
  expect(records()[0]).toMatchObject({
    error: {
      message: "no room",
      reason: "DISK_FULL",
      metadata: { dir: "/d" },
      cause: { message: "inner", stack: expect.stringContaining("TypeError: inner") },
    },
  });
});

test.each([
  ["debug", ["debug", "info", "warn", "error"]],
  ["info", ["info", "warn", "error"]],
  ["warn", ["warn", "error"]],
  ["error", ["error"]],
] as const)("with the level %s it writes %j", (level, expected) => {
  const { logger, records } = logged(level);
  for (const each of ["debug", "info", "warn", "error"] as const) {
    logger[each](each);
  }
  expect(records().map((record) => record.level)).toEqual(expected);
});
