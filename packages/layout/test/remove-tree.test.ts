import { execFileSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { removeTree } from "@nodemanager/layout";
import { tempDir } from "@nodemanager/testing";
import { describe, expect, test } from "vitest";

const isRoot = process.geteuid?.() === 0;

describe("removing a tree", () => {
  test("takes files, links, FIFOs and nothing", async () => {
    await using dir = await tempDir();
    const path = join(dir.path, "it");
    await removeTree(path);
    writeFileSync(path, "");
    await removeTree(path);
    symlinkSync(dir.path, path);
    await removeTree(path);
    execFileSync("mkfifo", [path]);
    await removeTree(path);
    expect(readdirSync(dir.path)).toEqual([]);
  });

  test("takes one whose paths are longer than any path may be", async () => {
    await using dir = await tempDir();
    const deep = join(dir.path, "deep");
    mkdirSync(deep);
    for (let n = 0; n < 600; n += 1) {
      mkdirSync(join(dir.path, "above"));
      renameSync(deep, join(dir.path, "above", "0123456789"));
      renameSync(join(dir.path, "above"), deep);
    }
    await removeTree(deep);
    expect(existsSync(deep)).toBe(false);
  });

  // To whoever owns directories in it, a swap can come between any two steps: whichever the remover takes, what is outside stays.
  test("is not led outside by directories that become links while it goes on", async () => {
    await using dir = await tempDir();
    const outside = join(dir.path, "outside");
    mkdirSync(outside);
    for (let n = 0; n < 50; n += 1) {
      writeFileSync(join(outside, `file-${n}`), "");
    }
    const tree = join(dir.path, "tree");
    for (let n = 0; n < 300; n += 1) {
      mkdirSync(join(tree, "root", `d${n}`, "below"), { recursive: true });
      symlinkSync(outside, join(tree, "root", `link${n}`));
    }
    const removed = removeTree(tree);
    let swapped = 0;
    for (let n = 299; n >= 0; n -= 1) {
      try {
        renameSync(join(tree, "root", `d${n}`), join(dir.path, `away-${n}`));
        symlinkSync(outside, join(tree, "root", `d${n}`));
        swapped += 1;
      } catch {
        // It was faster.
      }
      if (n % 10 === 0) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    await removed;
    expect(swapped).toBeGreaterThan(0);
    expect(readdirSync(outside)).toHaveLength(50);
    expect(existsSync(tree)).toBe(false);
  });

  test.skipIf(!isRoot)(
    "takes the top directory over, so that nobody can change what is in it (needs root)",
    async () => {
      await using dir = await tempDir();
      const tree = join(dir.path, "tree");
      mkdirSync(join(tree, "sub"), { recursive: true, mode: 0o777 });
      chownSync(tree, 1_879_100_001, 1_879_100_001);
      // What cannot be removed shows what has become of the others.
      mkdirSync(join(tree, "sub", "held"));
      execFileSync("mount", ["-t", "tmpfs", "none", join(tree, "sub", "held")]);
      try {
        await expect(removeTree(tree)).rejects.toMatchObject({ code: "EBUSY" });
        const [uid, mode] = execFileSync("stat", ["-c", "%u %a", tree], { encoding: "utf8" }).trim().split(" ");
        expect([uid, mode]).toEqual(["0", "700"]);
      } finally {
        execFileSync("umount", [join(tree, "sub", "held")]);
      }
      await removeTree(tree);
      expect(existsSync(tree)).toBe(false);
    },
  );
});
