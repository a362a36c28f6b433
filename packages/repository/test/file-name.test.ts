import { parseTitle } from "@nodemanager/core";
import { reasonOf } from "@nodemanager/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeFileName, encodeFileName } from "../src/file-name.ts";

// These are in the README: other programs write such names, too.
const VECTORS = [
  ["redis", "redis"],
  ["my app", "my%20app"],
  ["a_b-c.d~e", "a_b-c.d~e"],
  [".hidden", "%2Ehidden"],
  ["..", "%2E."],
  [".", "%2E"],
  ["100%", "100%25"],
  ["a:b*c?", "a%3Ab%2Ac%3F"],
  ["(it's!)", "%28it%27s%21%29"],
  ["地図", "%E5%9C%B0%E5%9B%B3"],
  ["ﬁ\u0301", "%EF%AC%81%CC%81"],
] as const;

test.each(VECTORS)("the file name of %j is %s", (text, name) => {
  expect(encodeFileName(text)).toBe(name);
  expect(decodeFileName(name)).toBe(text);
});

test("every title within the limit of a file name is read back, and none is hidden or leads elsewhere", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 8, unit: "binary" }), (text) => {
      fc.pre(isTitle(text));
      const name = encodeFileName(text);
      expect(decodeFileName(name)).toBe(text);
      expect(name).toMatch(/^[A-Za-z0-9_~%-][A-Za-z0-9._~%-]*$/);
    }),
  );
});

test("different texts have different file names", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 9 }), fc.string({ minLength: 1, maxLength: 9 }), (a, b) => {
      expect(encodeFileName(a) === encodeFileName(b)).toBe(a === b);
    }),
  );
});

test("a name of 255 bytes is the longest, with what follows it", async () => {
  expect(encodeFileName("x".repeat(250), ".json")).toHaveLength(255);
  expect(await reasonOf(() => encodeFileName("x".repeat(251), ".json"))).toBe("INVALID_NAME");
  expect(await reasonOf(() => encodeFileName("地".repeat(29)))).toBe("INVALID_NAME");
});

test.each(["", "%2e", "%41", ".x", "a b", "a%2", "%FF", "x.json.bak"])("%j is somebody else's file", (name) => {
  expect(decodeFileName(name, name === "x.json.bak" ? ".json" : "")).toBeUndefined();
});

function isTitle(text: string): boolean {
  try {
    parseTitle(text);
    return true;
  } catch {
    return false;
  }
}
