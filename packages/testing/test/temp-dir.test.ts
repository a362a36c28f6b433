import { existsSync, statSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tempDir } from "@nodemanager/testing";
import { expect, test } from "vitest";

test("a directory is its owner's alone, and gone with everything below when it is disposed", async () => {
  let path = "";
  {
    await using dir = await tempDir();
    path = dir.path;
    expect(statSync(path).mode & 0o777).toBe(0o700);
    await mkdir(join(path, "a/b"), { recursive: true });
    await writeFile(join(path, "a/b/file"), "x");
    await chmod(join(path, "a/b/file"), 0o400);
  }
  expect(existsSync(path)).toBe(false);
});

test("its path leaves room for a socket of ours", async () => {
  await using dir = await tempDir();
  // 107 bytes are what the kernel takes.
  expect(Buffer.byteLength(dir.path)).toBeLessThan(50);
});
