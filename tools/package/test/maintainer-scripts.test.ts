import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TempDir, tempDir } from "@nodemanager/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const DEBIAN = join(import.meta.dirname, "../debian");
const STATE = "/var/lib/noded";

let dir: TempDir;

beforeEach(async () => {
  dir = await tempDir();
  mkdirSync(join(dir.path, "bin"));
});

afterEach(async () => {
  await dir[Symbol.asyncDispose]();
});

function program(name: string, text: string): string {
  const file = join(dir.path, name);
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
  return file;
}

/** A script of the package with its places below the test's directory, and programs of the test's before others. */
function run(name: string, args: readonly string[] = []) {
  const text = readFileSync(join(DEBIAN, name), "utf8")
    .replaceAll(STATE, dir.path)
    .replaceAll("/usr/lib/noded/noded ", `${dir.path}/packaged `)
    .replaceAll("/run/systemd/system", `${dir.path}/systemd`);
  const script = program(name, text.replace(/^#!.*\n/, ""));
  const env = { PATH: `${dir.path}/bin:/usr/sbin:/usr/bin:/sbin:/bin` };
  return spawnSync(script, args, { encoding: "utf8", env });
}

/** A version that the manager switched to, as it lies on disk. */
function switchedTo(version: string): void {
  const workspace = join(dir.path, "root/node-manager/0002-20261125T101500Z");
  mkdirSync(workspace, { recursive: true });
  const env = { WHAT: '"version":"9.9.9"' };
  const envelope = { schemaVersion: 1, title: "node manager", version, args: ['{"version":"8.8.8"}'], env };
  writeFileSync(join(workspace, "envelope.json"), `${JSON.stringify(envelope)}\n`);
  symlinkSync("root/node-manager/0002-20261125T101500Z/noded.sh", join(dir.path, "current"));
}

describe("what init starts", () => {
  test("is the version that the manager switched to", () => {
    program("packaged", "echo packaged");
    symlinkSync(program("noded.sh", 'echo switched "$#"'), join(dir.path, "current"));
    expect(run("noded-start").stdout).toBe("switched 0\n");
  });

  test.each([
    ["there is none", () => undefined],
    ["its link leads nowhere", () => symlinkSync("nowhere", join(dir.path, "current"))],
    [
      "it is not executable",
      () => {
        writeFileSync(join(dir.path, "noded.sh"), "");
        symlinkSync("noded.sh", join(dir.path, "current"));
      },
    ],
    ["it is a directory", () => mkdirSync(join(dir.path, "current"))],
  ])("is the packaged one when %s", (_, prepare) => {
    program("packaged", 'echo packaged "$@"');
    prepare();
    expect(run("noded-start").stdout).toBe("packaged run --config /etc/noded/noded.json\n");
  });

  test("has the pid that init knows", () => {
    program("packaged", 'echo "$$"');
    const { pid, stdout } = run("noded-start");
    expect(stdout).toBe(`${pid}\n`);
  });
});

describe.skipIf(!existsSync("/usr/bin/dpkg"))("a version that the manager switched to by itself", () => {
  const configure = (packaged: string) => {
    program("bin/systemd-sysusers", "");
    program("bin/deb-systemd-helper", "");
    program("bin/dpkg-query", `printf %s '${packaged}'`);
    const ran = run("postinst", ["configure", "1.0.0"]);
    expect(ran).toMatchObject({ status: 0, stderr: "" });
    return lstatSync(join(dir.path, "current"), { throwIfNoEntry: false }) === undefined ? "retired" : "kept";
  };

  test.each([
    ["2.0.0", "1.9.0", "kept"],
    ["2.0.0", "2.0.0", "kept"],
    ["2.0.0", "2.0.1", "retired"],
    ["2.0.0-rc.1", "2.0.0", "retired"],
    ["2.0.0", "2.0.0~rc.1", "kept"],
    ["2.0.0-rc-2", "2.0.0~rc.1", "kept"],
  ])("%s is, when %s is installed, %s", (own, packaged, expected) => {
    switchedTo(own);
    expect(configure(packaged)).toBe(expected);
  });

  test.each<[string, () => void]>([
    ["there is none", () => undefined],
    ["its envelope is missing", () => symlinkSync("root/nowhere/noded.sh", join(dir.path, "current"))],
  ])("needs no decision when %s", (_, prepare) => {
    prepare();
    const before = existsSync(join(dir.path, "current"));
    configure("9.0.0");
    expect(existsSync(join(dir.path, "current"))).toBe(before);
  });
});
