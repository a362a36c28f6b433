import { formatName, parseName } from "@nodemanager/core";
import { expect, test } from "vitest";

test("a name is read back as it was written", () => {
  for (const text of ["nm", "apps", "apps/google maps", `apps/x/${"a".repeat(26)}`]) {
    expect(formatName(parseName(text))).toBe(text);
  }
});
