import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mayEverybodyPass, tempDir } from "@nodemanager/testing";
import { expect, test } from "vitest";

test("a path is open to everybody when each directory on the way, and what is there, is", async () => {
  await using dir = await tempDir();
  const inner = join(dir.path, "inner");
  mkdirSync(inner);
  chmodSync(inner, 0o711);
  writeFileSync(join(inner, "file"), "");
  chmodSync(dir.path, 0o711);
  expect(mayEverybodyPass(inner)).toBe(true);
  chmodSync(join(inner, "file"), 0o700);
  expect(mayEverybodyPass(join(inner, "file"))).toBe(false);
  chmodSync(dir.path, 0o710);
  expect(mayEverybodyPass(inner)).toBe(false);
});
