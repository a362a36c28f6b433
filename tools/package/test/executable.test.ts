import { spawnSync } from "node:child_process";
import { readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TempDir, tempDir } from "@nodemanager/testing";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { ARCHES } from "../src/arch.ts";
import { buildExecutable } from "../src/executable.ts";

// Each build copies more than 100 MB.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const ROOT = join(import.meta.dirname, "../../..");
const SCRIPT = `import { basename } from "node:path";
const hasFfi = process.getBuiltinModule("node:ffi")?.dlopen(null) !== undefined;
console.log(JSON.stringify({ name: basename(process.argv0), args: process.argv.slice(2), flags: process.execArgv, hasFfi }));
await null;
`;

let dir: TempDir;
let executable: string;

function build(name: string): string {
  const arch = ARCHES.find((one) => one === process.arch) ?? "x64";
  const output = join(dir.path, name);
  const node = join(ROOT, `node_modules/node-linux-${arch}/bin/node`);
  buildExecutable(arch, { node, script: join(dir.path, "script.mjs"), output, scratch: join(dir.path, "scratch") });
  return output;
}

beforeAll(async () => {
  dir = await tempDir();
  writeFileSync(join(dir.path, "script.mjs"), SCRIPT);
  executable = build("program");
});

afterAll(async () => {
  await dir[Symbol.asyncDispose]();
});

test("it needs nothing else, knows the name that it is called by, and gives every argument to the program", () => {
  symlinkSync(executable, join(dir.path, "other"));
  const args = ["--inspect", "--max-old-space-size=1", "word"];
  const { status, stdout, stderr } = spawnSync(join(dir.path, "other"), args, { encoding: "utf8", env: {}, cwd: "/" });
  // A word on stderr would be that the compiled code in it was refused, or that something in it is experimental.
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(JSON.parse(stdout)).toMatchObject({ name: "other", args, hasFfi: true });
});

test("it heeds no NODE_OPTIONS", () => {
  const env = { NODE_OPTIONS: "--import data:text/javascript,console.log('loaded')" };
  expect(spawnSync(executable, [], { encoding: "utf8", env }).stdout).not.toContain("loaded");
  expect(spawnSync(process.execPath, ["-e", "0"], { encoding: "utf8", env }).stdout).toContain("loaded");
});

test("the same input gives the same bytes, with compiled code in them", () => {
  const again = build("again");
  expect(readFileSync(again).equals(readFileSync(executable))).toBe(true);
  expect(statSync(again).mode & 0o777).toBe(0o755);
});
