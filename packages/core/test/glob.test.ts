import { compileGlob, escapeGlob, isGlob } from "@nodemanager/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { failureOf } from "./failure.ts";

// Few characters, the glob's own among them, so that patterns and names meet often.
const text = fc.string({ unit: fc.constantFrom("a", "b", "/", "*", "?", "\\", "[", ".", "🚀"), maxLength: 12 });

describe("a glob", () => {
  test.each([
    ["apps/x", ["apps/x"], ["apps/y", "apps", "apps/x/", "Apps/x", "xapps/x"]],
    ["apps/*", ["apps/x", "apps/", "apps/x y"], ["apps", "apps/x/y"]],
    ["apps/*/*/*", ["apps/x/y/z"], ["apps/x/y", "apps/x/y/z/w"]],
    ["apps/a*c", ["apps/ac", "apps/abc", "apps/abbc"], ["apps/ab", "apps/a/c"]],
    ["apps/*a*b*", ["apps/ab", "apps/xaybz", "apps/aab"], ["apps/ba", "apps/a/b"]],
    ["apps/?", ["apps/x", "apps/🚀"], ["apps/", "apps/xy", "apps//"]],
    ["**", ["", "nm", "apps/x", "apps/x/y/z"], []],
    ["apps/**", ["apps", "apps/x", "apps/x/y/z"], ["nm", "appsx", "app"]],
    ["**/z", ["z", "y/z", "x/y/z"], ["zz", "z/y"]],
    ["**/x/**", ["x", "apps/x", "x/y", "apps/x/y/z"], ["apps/xx"]],
    ["apps/**/z", ["apps/z", "apps/y/z", "apps/x/y/z"], ["apps", "z"]],
    ["**/**", ["", "a", "a/b", "a/b/c"], []],
    ["apps/**/**/z", ["apps/z", "apps/a/b/z"], ["apps/zz"]],
    ["a**b", ["ab", "axb"], ["a/b"]],
    ["\\*", ["*"], ["x", ""]],
    ["\\**", ["*", "*x"], ["x"]],
    ["a\\?", ["a?"], ["ab"]],
    ["\\\\", ["\\"], ["\\\\"]],
    ["[ab]{c,d}(e|f)+.$^", ["[ab]{c,d}(e|f)+.$^"], ["a", "b"]],
    ["*.x", ["a.x", ".x"], ["ax"]],
  ])("%s", (pattern, matching, others) => {
    const matches = compileGlob(pattern);
    expect(matching.filter((name) => !matches(name))).toEqual([]);
    expect(others.filter((name) => matches(name))).toEqual([]);
  });

  test.each(["\\", "apps/x\\", "a\\/b"])("%s ends a segment in a backslash and is refused", (pattern) => {
    expect(failureOf(() => compileGlob(pattern)).reason).toBe("INVALID_NAME");
  });

  test("a pattern made to be slow is not", () => {
    const matches = compileGlob(`apps/${"*a".repeat(60)}*b/${"**/".repeat(200)}x`);
    const name = `apps/${"a".repeat(128)}${"/a".repeat(200)}`;
    const startMs = performance.now();
    expect(matches(name)).toBe(false);
    // A regular expression takes longer than the universe has been there.
    expect(performance.now() - startMs).toBeLessThan(1000);
  });

  test("says the same as its definition", () => {
    fc.assert(
      fc.property(text, text, (pattern, name) => {
        fc.pre(!/(?<!\\)(\\\\)*\\(\/|$)/.test(pattern));
        expect(compileGlob(pattern)(name)).toBe(isMatch(pattern.split("/"), name.split("/")));
      }),
      { numRuns: 5000 },
    );
  });
});

describe("an escaped name", () => {
  test("matches itself and nothing else", () => {
    fc.assert(
      fc.property(text, text, (name, other) => {
        const matches = compileGlob(escapeGlob(name));
        expect(matches(name)).toBe(true);
        expect(matches(other)).toBe(name === other);
      }),
      { numRuns: 2000 },
    );
  });

  test("is a glob exactly when the name had something to escape", () => {
    fc.assert(fc.property(text, (name) => isGlob(escapeGlob(name)) === isGlob(name)));
    expect(isGlob("apps/google maps [2]")).toBe(false);
    expect(isGlob("apps/*")).toBe(true);
  });
});

/** The definition, as slow as it may be. */
function isMatch(pattern: readonly string[], name: readonly string[]): boolean {
  const [part, ...parts] = pattern;
  if (part === undefined) {
    return name.length === 0;
  }
  if (part === "**") {
    return name
      .map((_, i) => i)
      .concat(name.length)
      .some((i) => isMatch(parts, name.slice(i)));
  }
  const [segment, ...segments] = name;
  return segment !== undefined && isSegmentMatch([...part], [...segment]) && isMatch(parts, segments);
}

function isSegmentMatch(pattern: readonly string[], segment: readonly string[]): boolean {
  const [part, ...parts] = pattern;
  if (part === undefined) {
    return segment.length === 0;
  }
  if (part === "*") {
    return segment
      .map((_, i) => i)
      .concat(segment.length)
      .some((i) => isSegmentMatch(parts, segment.slice(i)));
  }
  const rest = part === "\\" ? parts.slice(1) : parts;
  const fits = part === "?" || segment[0] === (part === "\\" ? parts[0] : part);
  return segment.length > 0 && fits && isSegmentMatch(rest, segment.slice(1));
}
