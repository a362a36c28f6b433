import { rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { tempDir } from "../../../packages/testing/src/temp-dir.ts";
import { checkWorkspace } from "../src/check-workspace.ts";
import { DIRECTIONS } from "../src/directions.ts";
import { formatViolation } from "../src/violation.ts";
import { dirOf, type Files, manifestOf, violationsOf } from "./fixture.ts";

async function check(files: Files): Promise<string[]> {
  await using dir = await tempDir();
  return await violationsOf(dir.path, files);
}

function manifest(name: string, changes: Readonly<Record<string, unknown>>): Files {
  return { [`${dirOf(name)}/package.json`]: JSON.stringify({ ...manifestOf(name), ...changes }) };
}

test("a workspace that keeps the rules has no violations", async () => {
  expect(await check({})).toEqual([]);
});

test("the directions have no cycle", () => {
  const isDone = new Set<string>();
  const visit = (name: string, path: readonly string[]) => {
    expect(path).not.toContain(name);
    if (!isDone.has(name)) {
      for (const target of DIRECTIONS[name] ?? []) {
        visit(target.replace(/^type /, "").replace(/\/.*/, ""), [...path, name]);
      }
      isDone.add(name);
    }
  };
  for (const name of Object.keys(DIRECTIONS)) {
    visit(name, []);
  }
});

describe("directions", () => {
  test.each([
    ["packages/core/src/index.ts", 'import { x } from "@nodemanager/exec";', "core may not import exec"],
    [
      "packages/layout/src/index.ts",
      'import type { X } from "@nodemanager/exec";',
      "layout may not import types of exec",
    ],
    ["packages/layout/src/deep/file.ts", 'export * from "@nodemanager/profile";', "layout may not import profile"],
    ["packages/exec/src/index.ts", 'const x = await import("@nodemanager/layout");', "exec may not import layout"],
    ["packages/manager/src/index.ts", 'import "@nodemanager/rpc/server";', "manager may not import rpc/server"],
    ["packages/app/src/index.ts", 'import { x } from "@nodemanager/exec";', "app may not import exec;"],
    ["apps/nmctl/src/index.ts", 'import { x } from "@nodemanager/rpc/server";', "nmctl may not import rpc/server"],
    ["apps/nmctl/src/index.ts", 'import { x } from "@nodemanager/manager";', "nmctl may not import manager"],
    ["apps/noded/src/index.ts", 'import { x } from "@nodemanager/testing";', "noded may not import testing"],
    ["packages/rpc/src/server.ts", 'import { x } from "@nodemanager/manager";', "rpc may not import manager"],
    ["packages/rpc/src/server.ts", 'import { type X } from "@nodemanager/manager";', "rpc may not import manager"],
    [
      "packages/rpc/src/client.ts",
      'import type { X } from "@nodemanager/manager";',
      "rpc/client may not import types of manager",
    ],
    ["packages/exec/src/child.ts", 'import { x } from "@nodemanager/core";', "exec/child may not import core"],
    [
      "packages/core/src/index.ts",
      'import {\n  a,\n  b,\n} from "@nodemanager/exec";',
      "packages/core/src/index.ts:4: core may not import exec",
    ],
  ])("%s: %s", async (file, text, expected) => {
    expect(await check({ [file]: text })).toContainEqual(expect.stringContaining(expected));
  });

  test("what an entry reaches through other files counts", async () => {
    const files = {
      "packages/rpc/src/client.ts": 'export { x } from "./a.ts";',
      "packages/rpc/src/a.ts": 'import { y } from "./b.ts";',
      "packages/rpc/src/b.ts": 'import type { Y } from "@nodemanager/manager";',
    };
    expect(await check(files)).toEqual([expect.stringContaining("packages/rpc/src/b.ts:1: rpc/client may not")]);
  });

  test.each([
    ["packages/rpc/src/server.ts", 'import type { X } from "@nodemanager/manager";'],
    ["packages/app/src/index.ts", 'import { x } from "@nodemanager/exec/child";'],
    ["apps/nmctl/src/index.ts", 'import { x } from "@nodemanager/rpc/client";'],
    ["packages/exec/src/index.ts", 'import { x } from "@nodemanager/core";\nimport { y } from "./child.ts";'],
    [
      "packages/core/src/index.ts",
      '/**\n * import { x } from "@nodemanager/exec";\n */\n// import "@nodemanager/exec";',
    ],
    ["packages/core/test/x.test.ts", 'import { x } from "@nodemanager/core";'],
    ["packages/core/test/x.test.ts", 'import { x } from "../src/internal.ts";'],
    ["apps/noded/test/x.test.ts", 'import { x } from "../src/main.ts";'],
    ["apps/noded/src/version.ts", 'import manifest from "../package.json";'],
  ])("%s may: %s", async (file, text) => {
    expect(await check({ [file]: text })).toEqual([]);
  });

  test("a declared dependency against the direction is found though nothing imports it", async () => {
    expect(await check(manifest("core", { dependencies: { "@nodemanager/exec": "workspace:*" } }))).toEqual([
      "packages/core/package.json: core may not depend on exec",
    ]);
  });

  test("an import that is not declared is found, also in tests", async () => {
    const files = {
      ...manifest("layout", { dependencies: {} }),
      "packages/layout/src/index.ts": 'import { x } from "@nodemanager/core";',
      "packages/layout/test/x.test.ts": 'import { x } from "@nodemanager/testing";',
    };
    expect(await check(files)).toEqual([
      "packages/layout/src/index.ts:1: core is not in the dependencies of packages/layout/package.json",
      "packages/layout/test/x.test.ts:1: testing is not in the dependencies or devDependencies of packages/layout/package.json",
    ]);
  });

  test("testing is for tests alone", async () => {
    const files = {
      ...manifest("layout", { devDependencies: { "@nodemanager/testing": "workspace:*" } }),
      "packages/layout/test/x.test.ts": 'import { x } from "@nodemanager/testing";',
    };
    expect(await check(files)).toEqual([]);
    expect(await check({ ...files, "packages/layout/src/index.ts": 'import "@nodemanager/testing";' })).not.toEqual([]);
  });

  test("a test may not use a package that stands above its own", async () => {
    expect(await check(manifest("layout", { devDependencies: { "@nodemanager/manager": "workspace:*" } }))).toEqual([
      "packages/layout/package.json: manager depends on layout, so layout may not test with it",
    ]);
  });

  test("a package that no direction speaks of is found, and a direction without a package", async () => {
    const added = {
      "packages/extra/package.json": JSON.stringify({ ...manifestOf("core"), name: "@nodemanager/extra" }),
    };
    expect(await check(added)).toContainEqual(expect.stringContaining("the package extra is not in"));
    expect(
      await check({ "packages/core/package.json": JSON.stringify({ ...manifestOf("core"), name: "x" }) }),
    ).toContainEqual("tools/check/src/directions.ts: there is no package core");
  });

  test.each([
    ["packages/core/src/index.ts", "../../exec/src/index.ts", "by its package's name"],
    ["packages/core/src/index.ts", "../test/x.ts", "by its package's name"],
    ["packages/core/test/x.test.ts", "../src/index.ts", "by its package's name"],
    ["packages/core/test/x.test.ts", "../../exec/src/adopt.ts", "by its package's name"],
    ["packages/core/src/index.ts", "./names", "lacks the file's extension"],
    ["packages/core/src/index.ts", "./names.js", "lacks the file's extension"],
  ])("%s may not import %s", async (file, specifier, expected) => {
    expect(await check({ [file]: `import { x } from "${specifier}";` })).toEqual([expect.stringContaining(expected)]);
  });
});

describe("process", () => {
  test.each([
    ["packages/core/src/index.ts", "const x = process.env.HOME;", "process.env"],
    ["packages/manager/src/index.ts", "const x = process.argv;", "process.argv"],
    ["packages/manager/src/index.ts", "process.exit(1);", "process.exit"],
    ["packages/manager/src/index.ts", "process.exitCode = 1;", "process.exitCode"],
    ["packages/manager/src/index.ts", 'const x = process["env"];', "process.env"],
    ["packages/manager/src/index.ts", 'import { env } from "node:process";', "process.env"],
    ["packages/exec/src/index.ts", "const x = process.env;", "process.env"],
    ["packages/manager/src/index.ts", "process.kill(1);", "process.kill"],
    ["apps/noded/src/index.ts", "process.kill(1);", "process.kill"],
  ])("%s: %s", async (file, text, expected) => {
    expect(await check({ [file]: text })).toEqual([expect.stringContaining(`${file}:1: uses ${expected}:`)]);
  });

  test.each([
    ["apps/noded/src/index.ts", "process.exit(process.argv.length);"],
    ["packages/exec/src/child.ts", "const x = process.env;"],
    ["packages/exec/src/index.ts", "process.kill(1);"],
    ["packages/testing/src/index.ts", "const x = process.env;"],
    ["packages/core/src/index.ts", '// process.env\nconst x = process.platform;\nimport { arch } from "node:process";'],
    ["packages/core/test/x.test.ts", "const x = process.env;"],
  ])("%s may: %s", async (file, text) => {
    expect(await check({ [file]: text })).toEqual([]);
  });
});

describe("manifests", () => {
  test.each([
    ["core", { license: "MIT" }, "license"],
    ["core", { type: "commonjs" }, "type"],
    ["core", { engines: {} }, "engines.node"],
    ["core", { description: "" }, "description"],
    ["core", { sideEffects: undefined }, "sideEffects"],
    ["core", { publishConfig: undefined }, "publishConfig.exports"],
    ["core", { publishConfig: { exports: manifestOf("core").exports } }, "publishConfig.exports"],
    ["core", { exports: { ...Object(manifestOf("core").exports), "./package.json": undefined } }, '"./package.json"'],
    ["noded", { private: undefined }, "private"],
  ])("of %s: %j", async (name, changes, expected) => {
    expect(await check(manifest(name, changes))).toContainEqual(expect.stringContaining(expected));
  });

  test("an export whose source, build entry or form is missing is found", async () => {
    const target = { "@nodemanager/source": "./src/x.ts", types: "./dist/x.d.ts", default: "./dist/x.js" };
    const withTarget = (x: unknown) =>
      manifest("testing", { exports: { "./x": x, "./package.json": "./package.json" } });
    expect(await check(withTarget(target))).toEqual([
      'packages/testing/package.json: exports["./x"]: there is no ./src/x.ts',
      'packages/testing/package.json: exports["./x"]: src/x.ts is not an entry of tsup.config.ts',
    ]);
    const { default: js, ...rest } = target;
    const turned = { default: js, ...rest };
    const present = { "packages/testing/src/x.ts": "", "packages/testing/tsup.config.ts": '"src/x.ts"' };
    expect(await check({ ...withTarget(turned), ...present })).toEqual([expect.stringContaining("in this order")]);
    expect(await check({ ...withTarget("./dist/x.js"), ...present })).toEqual([
      expect.stringContaining("@nodemanager/source"),
    ]);
    expect(await check({ ...withTarget(target), ...present })).toEqual([]);
  });

  test("a package without a README is found", async () => {
    await using dir = await tempDir();
    await violationsOf(dir.path, {});
    await rm(join(dir.path, "packages/core/README.md"));
    expect(checkWorkspace(dir.path).map(formatViolation)).toEqual([
      "packages/core/package.json: there is no README.md beside it",
    ]);
  });
});
