import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeEnvelope } from "@nodemanager/core";
import { tempDir } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { encodeFileName } from "../src/file-name.ts";

const packageDir = join(import.meta.dirname, "..");
const readme = await readFile(join(packageDir, "README.md"), "utf8");

test("the example runs", async () => {
  await using dir = await tempDir();
  const [, example = ""] = /```ts\n(.*?)```/s.exec(readme) ?? [];
  const nodeArgs = ["--conditions=@nodemanager/source", "--input-type=module-typescript"];
  const { stdout, stderr } = spawnSync(process.execPath, nodeArgs, {
    cwd: packageDir,
    env: { ...process.env, TMPDIR: dir.path },
    input: example,
    encoding: "utf8",
  });
  expect(stderr).not.toContain("Error");
  expect(stdout).toBe("1.0.0 true\n");
});

test("its vectors of file names are right", () => {
  const rows = [...readme.matchAll(/^\| `([^`]+)` *\| `([^`]+)` *\|$/gm)].map(([, text = "", name = ""]) => [
    text,
    name,
  ]);
  expect(rows.length).toBeGreaterThan(8);
  for (const [text = "", name] of rows) {
    expect(encodeFileName(text)).toBe(name);
  }
});

test("the envelope in the publishers' manual is one, and so is that of the README", async () => {
  const manual = await readFile(join(packageDir, "..", "..", "docs", "repository.md"), "utf8");
  const [json = "", withPackages = ""] = [...manual.matchAll(/```json\n(.*?)```/gs)].map(([, text]) => text);
  expect(Object.keys(decodeEnvelope(JSON.parse(withPackages), "the manual").packages)).toEqual(["app", "site.conf"]);
  expect(decodeEnvelope(JSON.parse(json), "the manual").readiness).toEqual({
    kind: "tcp",
    host: "127.0.0.1",
    port: 6399,
    timeoutMs: 10_000,
  });
  const [vector = ""] = /\{"title":"my app".*\}\}/.exec(readme) ?? [];
  expect(decodeEnvelope(JSON.parse(vector), "the README").binary?.sizeBytes).toBe(21);
});
