import { failureOf, reasonOf } from "@nodemanager/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { profilesOf, selectRelease } from "../src/selection.ts";
import { compareVersions, isVersion } from "../src/version.ts";

describe("versions", () => {
  // The example of semver.org, section 11, and what is easily got wrong.
  const ASCENDING = [
    "0.9.0",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.9.0",
    "1.10.0",
    "2.0.0-rc.1",
    "2.0.0",
    "2.0.0+1",
    "2.0.0+build.2",
    "10.0.0",
  ];

  test("are ordered by precedence, and by build metadata where that is the same", () => {
    const shuffled = [...ASCENDING].sort();
    expect(shuffled).not.toEqual(ASCENDING);
    expect(shuffled.sort(compareVersions)).toEqual(ASCENDING);
  });

  test.each(["1.0", "v1.0.0", "=1.0.0", " 1.0.0", "1.0.0 ", "01.0.0", "1.0.0-01", "1.0.0-", "latest", ""])(
    "%j is none",
    (text) => {
      expect(isVersion(text)).toBe(false);
    },
  );
});

const release = (version: string, ...profiles: string[]) => ({ application: "a", version, profiles });

test("the first of the node's profiles that has anything wins, whatever versions others have", () => {
  const releases = [release("2.0.0", "generic"), release("1.0.0", "special", "generic")];
  expect(selectRelease("a", releases, { profiles: ["none", "special", "generic"] })).toEqual({
    version: "1.0.0",
    profile: "special",
  });
});

test("within a profile the highest version wins", () => {
  const releases = ["1.9.0", "1.10.0", "1.10.0-rc.1", "0.1.0"].map((version) => release(version, "p"));
  expect(selectRelease("a", releases, { profiles: ["p"] })).toEqual({ version: "1.10.0", profile: "p" });
});

test("only the requested version counts when there is one", () => {
  const releases = [release("2.0.0", "special"), release("1.0.0", "generic")];
  const options = { profiles: ["special", "generic"], version: "1.0.0" };
  expect(selectRelease("a", releases, options)).toEqual({ version: "1.0.0", profile: "generic" });
});

test("no matching profile says what is supported and what is offered", async () => {
  const releases = [release("1.0.0", "windows"), release("2.0.0", "arm", "windows")];
  const error = await failureOf(() => selectRelease("a", releases, { profiles: ["x64", "any"] }));
  expect(error.reason).toBe("PROFILE_MISMATCH");
  expect(error.metadata).toEqual({ supported: "x64, any", offered: "arm, windows" });
  expect(error.message).toContain("x64, any");
  expect(error.message).toContain("arm, windows");
});

test("a node without profiles gets nothing", async () => {
  expect(await reasonOf(() => selectRelease("a", [release("1.0.0", "p")], { profiles: [] }))).toBe("PROFILE_MISMATCH");
});

test("an unknown application and an unknown version have their own reasons", async () => {
  expect(await reasonOf(() => selectRelease("a", [], { profiles: ["p"] }))).toBe("ENVELOPE_NOT_FOUND");
  const options = { profiles: ["p"], version: "3.0.0" };
  expect(await reasonOf(() => selectRelease("a", [release("1.0.0", "p")], options))).toBe("VERSION_NOT_FOUND");
});

test("what is selected is there, and nothing better is", () => {
  const versions = fc.constantFrom("1.0.0-rc.1", "1.0.0", "1.2.0", "1.10.0", "2.0.0-a", "2.0.0");
  const profiles = fc.uniqueArray(fc.constantFrom<string[]>("p", "q", "r", "s"), { minLength: 1 });
  const releases = fc.uniqueArray(fc.record({ application: fc.constant("a"), version: versions, profiles }), {
    selector: (r) => r.version,
    minLength: 1,
  });
  fc.assert(
    fc.property(releases, profiles, (there, wanted) => {
      fc.pre(wanted.some((profile) => profilesOf(there).includes(profile)));
      const selected = selectRelease("a", there, { profiles: wanted });
      expect(there.find((r) => r.version === selected.version)?.profiles).toContain(selected.profile);
      const better = wanted.slice(0, wanted.indexOf(selected.profile));
      expect(profilesOf(there).filter((profile) => better.includes(profile))).toEqual([]);
      for (const other of there.filter((r) => r.profiles.includes(selected.profile))) {
        expect(compareVersions(other.version, selected.version)).toBeLessThanOrEqual(0);
      }
    }),
  );
});
