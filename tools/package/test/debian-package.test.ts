import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { type TempDir, tempDir } from "@nodemanager/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildDebianPackage, packagedUnit } from "../src/debian-package.ts";
import { runTool } from "../src/run-tool.ts";

const DPKG_DEB = "/usr/bin/dpkg-deb";
const SYSTEMD_ANALYZE = "/usr/bin/systemd-analyze";
const LINTIAN = "/usr/bin/lintian";
const TIME = 1_700_000_000;

describe.skipIf(!existsSync(DPKG_DEB))("the package", () => {
  let dir: TempDir;
  let root: string;

  function build(name: string): string {
    const executable = join(dir.path, "executable");
    writeFileSync(executable, "#!/bin/sh\n");
    chmodSync(executable, 0o755);
    const output = join(dir.path, name);
    buildDebianPackage({
      ...{ arch: "x64", version: "1.2.3-beta.1", executable, output, scratch: join(dir.path, `${name}-scratch`) },
      ...{ nodeLicense: "of Node", packageLicenses: "of packages", compression: "gzip", time: TIME },
    });
    return output;
  }

  beforeAll(async () => {
    dir = await tempDir();
    root = join(dir.path, "root");
    runTool(DPKG_DEB, ["--raw-extract", build("one.deb"), root]);
  });

  afterAll(async () => {
    await dir[Symbol.asyncDispose]();
  });

  test("is the same, byte for byte, when it is made again", () => {
    expect(readFileSync(build("two.deb")).equals(readFileSync(join(dir.path, "one.deb")))).toBe(true);
  });

  test("belongs to root, and nobody else may write to anything in it", () => {
    const lines = runTool(DPKG_DEB, ["--contents", join(dir.path, "one.deb")])
      .trim()
      .split("\n");
    expect(lines.length).toBeGreaterThan(20);
    expect(lines.filter((line) => !/^(?:[d-]r[w-][x-]r-[x-]r-[x-]|lrwxrwxrwx) root\/root /.test(line))).toEqual([]);
  });

  test("has programs, unit, user, settings, manuals and completion", () => {
    const executable = runTool(DPKG_DEB, ["--contents", join(dir.path, "one.deb")]);
    for (const path of ["usr/lib/noded/noded", "usr/lib/noded/noded-start"]) {
      expect(executable).toMatch(new RegExp(`^-rwxr-xr-x .* \\./${path}$`, "m"));
    }
    for (const link of ["usr/sbin/noded", "usr/bin/nmctl"]) {
      expect(executable).toContain(`./${link} -> ../lib/noded/noded\n`);
    }
    expect(readFileSync(join(root, "DEBIAN/conffiles"), "utf8")).toBe("/etc/noded/noded.json\n");
    expect(readFileSync(join(root, "lib/systemd/system/noded.service"), "utf8")).toBe(packagedUnit());
    expect(readFileSync(join(root, "usr/lib/sysusers.d/noded.conf"), "utf8")).toMatch(/^u noded - /m);
    expect(gunzipSync(readFileSync(join(root, "usr/share/man/man8/noded.8.gz"))).toString()).toMatch(/^\.TH "NODED" 8/);
    expect(gunzipSync(readFileSync(join(root, "usr/share/man/man1/nmctl.1.gz"))).toString()).toMatch(/^\.TH "NMCTL" 1/);
    for (const path of [
      "usr/share/bash-completion/completions/nmctl",
      "usr/share/zsh/vendor-completions/_nmctl",
      "usr/share/fish/vendor_completions.d/nmctl.fish",
    ]) {
      expect(readFileSync(join(root, path), "utf8")).toContain("nmctl __complete");
    }
  });

  test("says a version that sorts before the release", () => {
    const control = readFileSync(join(root, "DEBIAN/control"), "utf8");
    expect(control).toContain("\nVersion: 1.2.3~beta.1\n");
    expect(control).toContain("\nArchitecture: amd64\n");
    const changelog = gunzipSync(readFileSync(join(root, "usr/share/doc/noded/changelog.gz"))).toString();
    expect(changelog).toMatch(/^noded \(1\.2\.3~beta\.1\) unstable;/);
    expect(changelog).toContain("  Tue, 14 Nov 2023 22:13:20 +0000\n");
  });

  test("has the sum of every file but the settings", () => {
    const { status, stdout } = spawnSync("md5sum", ["--check", "DEBIAN/md5sums"], { cwd: root, encoding: "utf8" });
    expect(status, stdout).toBe(0);
    expect(stdout).toContain("usr/lib/noded/noded: OK");
    expect(stdout).not.toContain("etc/");
  });

  test.skipIf(!existsSync(LINTIAN))("has no error that lintian finds", { timeout: 60_000 }, () => {
    const args = ["--fail-on", "error", "--allow-root", join(dir.path, "one.deb")];
    const { status, stdout } = spawnSync(LINTIAN, args, {
      encoding: "utf8",
      env: { PATH: process.env.PATH, LC_ALL: "C" },
    });
    expect(status, stdout).toBe(0);
  });

  test.each(["preinst", "postinst", "prerm", "postrm"])("has a %s, if any, that a shell can read", (name) => {
    const script = join(root, "DEBIAN", name);
    expect(existsSync(script) ? spawnSync("sh", ["-n", script], { encoding: "utf8" }) : { status: 0 }).toMatchObject({
      status: 0,
    });
  });
});

describe("the unit of the package", () => {
  test("starts what the manager switched to, as a user without rights, in directories of its own", () => {
    const unit = packagedUnit();
    expect(unit).toContain("ExecStart=/usr/lib/noded/noded-start\n");
    expect(unit).toContain("User=noded\n");
    expect(unit).toContain("CapabilityBoundingSet=\n");
    expect(unit).toContain("StateDirectory=noded\n");
    expect(unit).toContain("RuntimeDirectory=noded\n");
    // A version that was switched to and does not start is started again, until the one before it takes over.
    expect(unit).not.toContain("RestartPreventExitStatus");
  });

  test.skipIf(!existsSync(SYSTEMD_ANALYZE))("exposes less than systemd calls medium", async () => {
    await using dir = await tempDir();
    const file = join(dir.path, "noded.service");
    writeFileSync(file, packagedUnit());
    const args = ["security", "--offline=true", "--threshold=50", "--no-pager", file];
    const { status, stdout } = spawnSync(SYSTEMD_ANALYZE, args, { encoding: "utf8" });
    expect(status, stdout).toBe(0);
  });
});
