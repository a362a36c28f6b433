import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { debianVersion } from "../src/debian-version.ts";

const DPKG = "/usr/bin/dpkg";
/** In the order of semantic versions. */
const ASCENDING = [
  "0.9.0-1",
  "0.9.0",
  "1.0.0-alpha",
  "1.0.0-alpha.1",
  "1.0.0-beta-2",
  "1.0.0-rc.1",
  "1.0.0",
  "1.0.1",
  "1.10.0",
];

test.each([
  ["1.2.3", "1.2.3"],
  ["1.2.3-beta.1", "1.2.3~beta.1"],
  ["1.2.3-beta-1", "1.2.3~beta.1"],
  ["1.2.3+build.5", "1.2.3+build.5"],
])("%s is %s", (version, expected) => {
  expect(debianVersion(version)).toBe(expected);
});

test.each(["1.2", "v1.2.3", "1.2.3-", "1.2.3~1", "", "1.2.3\n"])("%j is refused", (version) => {
  expect(() => debianVersion(version)).toThrow("no semantic version");
});

test.skipIf(!existsSync(DPKG))("dpkg sorts versions as they were sorted before", () => {
  for (const [index, version] of ASCENDING.slice(1).entries()) {
    const before = debianVersion(ASCENDING[index] ?? "");
    const { status } = spawnSync(DPKG, ["--compare-versions", before, "lt", debianVersion(version)]);
    expect(status, `${before} before ${version}`).toBe(0);
  }
});
