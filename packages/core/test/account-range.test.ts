import { formatAccountRange, isInRange, parseAccountRange } from "@nodemanager/core";
import { describe, expect, test } from "vitest";
import { failureOf } from "./failure.ts";

describe("a range of accounts", () => {
  test("is FIRST-LAST, both included", () => {
    const range = parseAccountRange("700000-700001");
    expect(range).toEqual({ first: 700_000, last: 700_001 });
    expect([699_999, 700_000, 700_001, 700_002].map((id) => isInRange(range, id))).toEqual([false, true, true, false]);
    expect(formatAccountRange(range)).toBe("700000-700001");
    expect(parseAccountRange("7-7")).toEqual({ first: 7, last: 7 });
    expect(parseAccountRange("70000-4294967293").last).toBe(4_294_967_293);
  });

  test.each([
    "",
    "700000",
    "-1-7",
    "1-2-3",
    " 1-2",
    "1 - 2",
    "0x10-0x20",
    "1e3-1e4",
    "9-8",
    "0-7",
    "70000-4294967294",
    "70000-99999999999",
    "1-65534",
    "65534-70000",
  ])("%j is none", (text) => {
    expect(failureOf(() => parseAccountRange(text)).reason).toBe("INVALID_CONFIG");
  });
});
