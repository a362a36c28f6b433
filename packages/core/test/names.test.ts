import {
  formatName,
  isInstallationId,
  isInstanceId,
  isManagerTitle,
  parseAnyTitle,
  parseName,
  parseTitle,
} from "@nodemanager/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { failureOf } from "./failure.ts";

const ID = "abcdefghijklmnopqrstuvwx23";

const id = fc.stringMatching(/^[a-z2-7]{26}$/);
const title = fc
  .string({ unit: "binary", minLength: 1, maxLength: 128 })
  .filter((text) => !/[/\p{Cc}\u2028\u2029]/u.test(text) && text.trim().toLowerCase() !== "node manager");

describe("names", () => {
  test.each([
    ["nm", "manager"],
    ["apps", "apps"],
    ["apps/google maps", "application"],
    ["apps/nm", "application"],
    [`apps/x/${ID}`, "installation"],
    [`apps/x/${ID}/${ID}`, "instance"],
    ["apps/ leading and trailing ", "application"],
    ["apps/..", "application"],
    ["apps/[a]{b}*?", "application"],
    ["apps/übung 🚀", "application"],
  ])("%s names a %s and is read back as it was written", (text, kind) => {
    const name = parseName(text);
    expect(name.kind).toBe(kind);
    expect(formatName(name)).toBe(text);
  });

  test.each([
    ["", "INVALID_NAME"],
    ["nm/", "INVALID_NAME"],
    ["nm/x", "INVALID_NAME"],
    ["Apps/x", "INVALID_NAME"],
    ["/apps/x", "INVALID_NAME"],
    [" apps/x", "INVALID_NAME"],
    ["app", "INVALID_NAME"],
    ["apps/", "INVALID_TITLE"],
    ["apps//x", "INVALID_TITLE"],
    ["apps/x/", "INVALID_NAME"],
    ["apps/x/short", "INVALID_NAME"],
    [`apps/x/${ID.toUpperCase()}`, "INVALID_NAME"],
    [`apps/x/${ID}a`, "INVALID_NAME"],
    [`apps/x/${ID.replace("2", "1")}`, "INVALID_NAME"],
    [`apps/x/../${ID}`, "INVALID_NAME"],
    [`apps/x/${ID}/`, "INVALID_NAME"],
    [`apps/x/${ID}/y`, "INVALID_NAME"],
    [`apps/x/${ID}\n`, "INVALID_NAME"],
    [`apps/x/${ID}/${ID}/`, "INVALID_NAME"],
    [`apps/x/${ID}/${ID}/${ID}`, "INVALID_NAME"],
    ["apps/node manager", "RESERVED_TITLE"],
  ])("%j is refused: %s", (text, reason) => {
    expect(failureOf(() => parseName(text)).reason).toBe(reason);
  });

  test("every name is read back as it was written", () => {
    const name = fc.oneof(
      fc.constantFrom("nm", "apps"),
      title.map((t) => `apps/${t}`),
      fc.tuple(title, id).map(([t, i]) => `apps/${t}/${i}`),
      fc.tuple(title, id, id).map(([t, i, j]) => `apps/${t}/${i}/${j}`),
    );
    fc.assert(
      fc.property(name, (text) => {
        expect(formatName(parseName(text))).toBe(text);
      }),
    );
  });

  test("what is not refused is read back as it was written, whatever it was", () => {
    const text = fc.array(fc.oneof(fc.constantFrom("apps", "nm", "/", "..", "", ID), fc.string({ unit: "binary" })));
    fc.assert(
      fc.property(text, (parts) => {
        const written = parts.join("");
        let read = written;
        try {
          read = formatName(parseName(written));
        } catch (error) {
          expect(error).toHaveProperty(
            "reason",
            expect.stringMatching(/^(INVALID_NAME|INVALID_TITLE|RESERVED_TITLE)$/),
          );
        }
        expect(read).toBe(written);
      }),
      { numRuns: 500 },
    );
  });
});

describe("titles", () => {
  test.each(["x", "..", " ", "a".repeat(128), "🚀".repeat(128), "node managers", "node-manager"])(
    "%j is one",
    (text) => {
      expect(parseTitle(text)).toBe(text);
    },
  );

  test.each([
    ["", "INVALID_TITLE"],
    ["a".repeat(129), "INVALID_TITLE"],
    ["🚀".repeat(129), "INVALID_TITLE"],
    ["a/b", "INVALID_TITLE"],
    ["a\0b", "INVALID_TITLE"],
    ["a\nb", "INVALID_TITLE"],
    ["a\u007fb", "INVALID_TITLE"],
    ["a\u0085b", "INVALID_TITLE"],
    ["a\u2028b", "INVALID_TITLE"],
    ["\ud800", "INVALID_TITLE"],
    ["node manager", "RESERVED_TITLE"],
    [" Node Manager ", "RESERVED_TITLE"],
  ])("%j is refused: %s", (text, reason) => {
    expect(failureOf(() => parseTitle(text)).reason).toBe(reason);
  });

  test("a publisher may use the manager's title, and none that could be taken for it", () => {
    expect(parseAnyTitle("node manager")).toBe("node manager");
    expect(parseAnyTitle("maps")).toBe("maps");
    for (const text of [" node manager", "Node Manager", "NODE MANAGER "]) {
      expect(failureOf(() => parseAnyTitle(text)).reason).toBe("RESERVED_TITLE");
    }
    expect(["node manager", " Node Manager", "maps"].map(isManagerTitle)).toEqual([true, true, false]);
  });

  test("a message shows a title so that a terminal does not obey it", () => {
    expect(failureOf(() => parseTitle("a\u001b[2Jb")).message).not.toContain("\u001b");
  });
});

test("ids are 26 characters of a-z2-7", () => {
  for (const is of [isInstallationId, isInstanceId]) {
    expect(is(ID)).toBe(true);
    expect(["", ID.slice(1), `${ID}a`, ` ${ID}`, ID.toUpperCase(), ID.replace("a", "0"), `${ID}\n`].some(is)).toBe(
      false,
    );
  }
});
