import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { nodeFs } from "@nodemanager/layout";
import { failureOf, tempDir } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { open } from "./support/fixture.ts";

const MIB = 1024 * 1024;

/** Mounts a file system of a few MiB; undefined where nobody may. */
function smallDisk(dir: string, size: string): Disposable | undefined {
  mkdirSync(dir);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "noded-test", dir], { stdio: "ignore" });
  } catch {
    return undefined;
  }
  return { [Symbol.dispose]: () => void execFileSync("umount", [dir]) };
}

test("on a small disk, as much is free as is there, and what does not fit beside the reserve is refused", async ({
  skip,
}) => {
  await using dir = await tempDir();
  const place = join(dir.path, "disk");
  using disk = smallDisk(place, "8m");
  if (!disk) {
    skip("no file system can be mounted here");
  }
  expect(await nodeFs.freeBytes(place)).toBe(8 * MIB);
  await using root = await open(join(place, "root"));
  await root.blobs.requireSpace(3 * MIB);
  const failure = await failureOf(root.blobs.requireSpace(5 * MIB));
  expect(failure.reason).toBe("DISK_FULL");
  expect(Number(failure.metadata.freeBytes)).toBeLessThan(8 * MIB);
  expect(failure.metadata.neededBytes).toBe(String(5 * MIB));
});
