import { isRunnable, knownProfiles, matchProfiles, missingFrom, type Specification } from "@nodemanager/profile";
import { failureOf, reasonOf } from "@nodemanager/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as arbitrary from "./arbitraries.ts";

const NODE: Specification = {
  format: "ELF",
  os: "linux",
  arch: "amd64",
  libc: { family: "glibc", version: "2.36" },
  libraries: [
    { name: "ssl", version: "1.1" },
    { name: "ssl", version: "3" },
    { name: "z", version: "1.2.13" },
  ],
};
const NOTHING: Specification = { format: "", os: "", arch: "", libraries: [] };

function offers(needs: Partial<Specification>): boolean {
  return missingFrom(NODE, { ...NOTHING, ...needs }).length === 0;
}

describe("needs", () => {
  test("an empty need asks for nothing", () => {
    expect(offers({})).toBe(true);
  });

  test.each(["format", "os", "arch"] as const)("%s is the same", (field) => {
    expect(offers({ [field]: NODE[field] })).toBe(true);
    expect(offers({ [field]: "other" })).toBe(false);
  });

  test.each([
    ["glibc", "", true],
    ["glibc", "2.9", true],
    ["glibc", "2.36", true],
    ["glibc", "2.36.1", false],
    ["glibc", "2.37", false],
    ["musl", "", false],
    ["", "9", true],
  ])("C library %s %s: %s", (family, version, expected) => {
    expect(offers({ libc: { family, version } })).toBe(expected);
  });

  test("a node without a known C library offers none", () => {
    expect(
      missingFrom({ ...NODE, libc: undefined }, { ...NOTHING, libc: { family: "glibc", version: "" } }),
    ).toHaveLength(1);
  });

  test.each([
    ["ssl", "", true],
    ["ssl", "3", true],
    ["ssl", "1", true],
    ["ssl", "1.1", true],
    ["ssl", "1.0", false],
    ["ssl", "1.1.1", false],
    ["ssl", "2", false],
    ["z", "1.2", true],
    ["z", "1.20", false],
    ["z", "1.2.1", false],
    ["none", "", false],
  ])("library %s %s: %s", (name, version, expected) => {
    expect(offers({ libraries: [{ name, version }] })).toBe(expected);
  });

  test("everything that is missing is named", () => {
    const needs = { ...NODE, arch: "arm64", libraries: [{ name: "none", version: "1" }] };
    expect(missingFrom(NODE, needs)).toHaveLength(2);
  });
});

describe("matching", () => {
  test("the most specific label is first", () => {
    const own = { label: "a", needs: { ...NOTHING, libraries: [{ name: "ssl", version: "3" }] } };
    const kiosk = { label: "kiosk", needs: { ...NODE, libraries: own.needs.libraries } };
    expect(matchProfiles(NODE, [...knownProfiles, own, kiosk])).toEqual([
      "kiosk",
      "linux-amd64-glibc",
      "linux-amd64",
      "a",
    ]);
  });

  test("a newer C library is more specific than an older one, and labels decide between equals", () => {
    const libc = (label: string, version: string) => ({
      label,
      needs: { ...NOTHING, libc: { family: "glibc", version } },
    });
    const all = [libc("a", "2.9"), libc("b", "2.31"), libc("d", "2.31"), libc("c", "2.31"), libc("e", "")];
    expect(matchProfiles(NODE, all)).toEqual(["b", "c", "d", "a", "e"]);
  });

  test("nothing matches a node that is like none", () => {
    expect(matchProfiles({ ...NODE, os: "plan9" }, knownProfiles)).toEqual([]);
  });

  test("the order of the profiles does not matter", () => {
    fc.assert(
      fc.property(
        arbitrary.node,
        arbitrary.profiles.chain((profiles) =>
          fc.tuple(fc.constant(profiles), fc.shuffledSubarray(profiles, { minLength: profiles.length })),
        ),
        (node, [profiles, shuffled]) => {
          expect(matchProfiles(node, shuffled)).toEqual(matchProfiles(node, profiles));
        },
      ),
    );
  });

  test("what asks for all that another asks for, and more, comes before it", () => {
    fc.assert(
      fc.property(arbitrary.node, arbitrary.profiles, arbitrary.library, (node, profiles, more) => {
        const grown = profiles.map(({ label, needs }) => ({
          label: `~${label}`,
          needs: { ...needs, libraries: [...needs.libraries, more] },
        }));
        const all = [...profiles, ...grown];
        const labels = matchProfiles({ ...node, libraries: [...node.libraries, more] }, all);
        for (const a of all) {
          for (const b of all) {
            // A specification that offers exactly what A asks for shows whether A implies B.
            if (isImplied(a.needs, b.needs) && !isImplied(b.needs, a.needs) && labels.includes(a.label)) {
              expect(labels).toContain(b.label);
              expect(labels.indexOf(a.label)).toBeLessThan(labels.indexOf(b.label));
            }
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  test("a node with more libraries supports no less", () => {
    fc.assert(
      fc.property(arbitrary.node, arbitrary.profiles, arbitrary.library, (node, profiles, more) => {
        const before = matchProfiles(node, profiles);
        const after = matchProfiles({ ...node, libraries: [...node.libraries, more] }, profiles);
        expect(after).toEqual(expect.arrayContaining(before));
      }),
    );
  });

  test("a node runs what asks for what it offers", () => {
    fc.assert(fc.property(arbitrary.node, (node) => missingFrom(node, node).length === 0));
  });

  test("a library satisfies a need exactly when the need's version is the beginning of its own", () => {
    fc.assert(
      fc.property(arbitrary.version, arbitrary.version, (offered, needed) => {
        const node = { ...NODE, libraries: [{ name: "x", version: offered }] };
        const missing = missingFrom(node, { ...NOTHING, libraries: [{ name: "x", version: needed }] });
        expect(missing.length === 0).toBe(needed === "" || `${offered}.`.startsWith(`${needed}.`));
      }),
    );
  });

  test("C library versions are in one order, so that a newer one runs all that an older one runs", () => {
    fc.assert(
      fc.property(arbitrary.version, arbitrary.version, arbitrary.version, (a, b, c) => {
        const runs = (offered: string, needed: string) =>
          missingFrom(
            { ...NODE, libc: { family: "glibc", version: offered } },
            { ...NOTHING, libc: { family: "glibc", version: needed } },
          ).length === 0;
        expect(runs(a, b) || runs(b, a)).toBe(true);
        if (runs(a, b) && runs(b, c)) {
          expect(runs(a, c)).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe("whether it runs here", () => {
  test("one supported label is enough, also beside one that is not known", () => {
    expect(isRunnable(NODE, ["linux-arm64", "linux-amd64"]).runnable).toBe(true);
    expect(isRunnable(NODE, ["unheard-of", "linux-amd64"]).runnable).toBe(true);
  });

  test("known labels that do not fit are no error and say what is missing", () => {
    const { runnable, reason } = isRunnable(NODE, ["linux-arm64", "linux-amd64-musl"]);
    expect(runnable).toBe(false);
    expect(reason).toContain("arm64");
    expect(reason).toContain("musl");
  });

  test("a label that is not known is an error that names it", async () => {
    const failure = await failureOf(() => isRunnable(NODE, ["linux-arm64", "unheard-of"]));
    expect(failure.reason).toBe("PROFILE_NOT_FOUND");
    expect(failure.metadata).toEqual({ profile: "unheard-of" });
  });

  test("own profiles are known when they are given", () => {
    const own = [{ label: "kiosk", needs: { ...NOTHING, os: "linux" } }];
    expect(isRunnable(NODE, ["kiosk"], own).runnable).toBe(true);
  });

  test("a binary's specification is compared itself", () => {
    expect(isRunnable(NODE, { ...NOTHING, arch: "amd64" }).runnable).toBe(true);
    expect(isRunnable(NODE, { ...NOTHING, arch: "arm64" }).runnable).toBe(false);
  });

  test("no label at all is an error", async () => {
    expect(await reasonOf(() => isRunnable(NODE, []))).toBe("INVALID_ARGUMENT");
  });
});

/** Whether every node that satisfies `a` satisfies `b`. */
function isImplied(a: Specification, b: Specification): boolean {
  return missingFrom(a, b).length === 0;
}
