import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { tempDir } from "@nodemanager/testing";
import { expect, test } from "vitest";

test("the example runs", async () => {
  await using dir = await tempDir();
  const packageDir = join(import.meta.dirname, "..");
  const [, example = ""] = /```ts\n(.*?)```/s.exec(await readFile(join(packageDir, "README.md"), "utf8")) ?? [];
  const { stdout } = spawnSync(
    process.execPath,
    ["--conditions=@nodemanager/source", "--input-type=module-typescript"],
    { cwd: packageDir, env: { ...process.env, TMPDIR: dir.path }, input: example, encoding: "utf8" },
  );
  expect(stdout).toBe("1\ndirectory bin\nfile bin/server\n21\n");
});
