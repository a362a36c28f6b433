import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { tempDir } from "@nodemanager/testing";
import { expect, test } from "vitest";

const packageDir = join(import.meta.dirname, "..");

test("the example runs", async () => {
  await using dir = await tempDir();
  const readme = await readFile(join(packageDir, "README.md"), "utf8");
  const [, example = ""] = /```ts\n(.*?)```/s.exec(readme) ?? [];
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ["--conditions=@nodemanager/source", "--input-type=module-typescript"],
    { cwd: packageDir, env: { ...process.env, TMPDIR: dir.path }, input: example, encoding: "utf8" },
  );
  expect(stderr).not.toContain("Error");
  const lines = stdout.trim().split("\n");
  expect(lines.slice(-2)).toEqual(["outcome", "running"]);
  expect(new Set(lines.slice(0, -2))).toEqual(new Set(["progress"]));
});
