import { linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TempDir, tempDir } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { open } from "./support/fixture.ts";

/** Two trees that share a file of 100 bytes, which has a third name outside; each has one of 10 of its own. */
function shared({ path }: TempDir): { one: string; two: string; outside: string } {
  const [one, two, outside] = [join(path, "one"), join(path, "two"), join(path, "outside")];
  writeFileSync(outside, "x".repeat(100));
  for (const tree of [one, two]) {
    mkdirSync(join(tree, "deep"), { recursive: true });
    writeFileSync(join(tree, "deep/own"), "y".repeat(10));
    linkSync(outside, join(tree, "shared"));
    symlinkSync("/etc", join(tree, "link"));
  }
  return { one, two, outside };
}

test("a file with several names counts once, with the last of them, whether it is removed in between or not", async () => {
  for (const removes of [true, false]) {
    await using dir = await tempDir();
    await using root = await open(join(dir.path, "root"));
    const { one, two, outside } = shared(dir);
    const freed = root.freedSpace();
    const added: number[] = [];
    for (const path of [one, two, outside]) {
      added.push(await freed.add(path));
      if (removes) {
        rmSync(path, { recursive: true });
      }
    }
    expect(added).toEqual([10, 10, 100]);
    expect(freed.bytes).toBe(120);
  }
});

test("what stays under another name is not freed", async () => {
  await using dir = await tempDir();
  await using root = await open(join(dir.path, "root"));
  const { one, two } = shared(dir);
  const freed = root.freedSpace();
  await freed.add(one);
  await freed.add(two);
  expect(freed.bytes).toBe(20);
});

test("what is not there counts nothing", async () => {
  await using dir = await tempDir();
  await using root = await open(join(dir.path, "root"));
  expect(await root.freedSpace().add(join(dir.path, "nothing"))).toBe(0);
});

test("there is more than nothing free, and not more than is said; more than that is refused before it is written", async () => {
  await using dir = await tempDir();
  await using root = await open(join(dir.path, "root"));
  await root.blobs.requireSpace(0);
  await expect(root.blobs.requireSpace(2 ** 60)).rejects.toMatchObject({
    reason: "DISK_FULL",
    metadata: { neededBytes: String(2 ** 60), freeBytes: expect.stringMatching(/^\d+$/) },
  });
});
