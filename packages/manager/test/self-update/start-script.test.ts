import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { isErrno } from "@nodemanager/core";
import { readProcessIdentity } from "@nodemanager/exec";
import { type TempDir, tempDir } from "@nodemanager/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { startScript } from "../../src/self-update/start-script.ts";

/** Says what it was started with; with `hang` in its directory it stays until it is killed. */
const PROGRAM = `#!/bin/sh
echo "$$ $0 $*"
[ -e "\${0%/*}/hang" ] && exec sleep 1000
exit 7
`;

interface Started {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Two versions and a link, as a root has them, in a directory with a space in its name. */
class Versions {
  readonly dir: string;
  readonly old: string;
  readonly now: string;
  readonly link: string;

  /** @param interpreter - what the scripts begin with */
  constructor(temp: TempDir, interpreter: readonly string[], options: { healthyWithinMs?: number } = {}) {
    this.dir = join(temp.path, "a root");
    this.old = join(this.dir, "0001-20261122T091500Z");
    this.now = join(this.dir, "0002-20261122T091500Z");
    this.link = join(temp.path, "current");
    const script = startScript({ healthyWithinMs: options.healthyWithinMs ?? 60_000 });
    for (const dir of [this.old, this.now]) {
      mkdirSync(dir, { recursive: true });
      for (const [name, text] of [
        ["noded", PROGRAM],
        ["noded.sh", script.replace("#!/bin/sh", `#!${interpreter.join(" ")}`)],
      ] as const) {
        writeFileSync(join(dir, name), text);
        chmodSync(join(dir, name), 0o700);
      }
    }
    symlinkSync("../0001-20261122T091500Z", join(this.now, "previous"));
    writeFileSync(join(this.old, "healthy"), "");
    symlinkSync("a root/0002-20261122T091500Z/noded.sh", this.link);
  }

  async start(file: string = this.link, args: readonly string[] = []): Promise<Started> {
    const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"] });
    const text = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (chunk) => {
      text.stdout += chunk;
    });
    child.stderr.setEncoding("utf8").on("data", (chunk) => {
      text.stderr += chunk;
    });
    // Also that the guard holds neither of them.
    await once(child, "close");
    return { code: child.exitCode, signal: child.signalCode, ...text };
  }

  starts(dir: string = this.now): string {
    return readdirSync(dir).includes("starts") ? readlinkSync(join(dir, "starts")) : "";
  }
}

const shells: readonly (readonly string[])[] = [["/bin/sh"], ["/bin/bash", "--posix"], ["/bin/busybox", "sh"]].filter(
  ([file = ""]) => existsSync(file),
);

async function versions(interpreter: readonly string[], options?: { healthyWithinMs?: number }): Promise<Versions> {
  const temp = await tempDir();
  onTestFinished(async () => {
    await temp[Symbol.asyncDispose]();
  });
  return new Versions(temp, interpreter, options);
}

describe.each(shells)("the start script in %s %s", (...interpreter: string[]) => {
  const inShell = (options?: { healthyWithinMs?: number }) => versions(interpreter.filter(Boolean), options);

  test("runs its own version in its place, with its settings and what it was given", async () => {
    const v = await inShell();
    writeFileSync(join(v.now, "healthy"), "");
    const ran = await v.start(v.link, ["run", "--ready-fd", "a b"]);
    expect(ran).toMatchObject({ code: 7, stderr: "" });
    expect(ran.stdout.replace(/^\d+ /, "")).toBe(
      `${v.now}/noded run --settings ${v.now}/settings.json --ready-fd a b\n`,
    );
    expect(v.starts()).toBe("");
  });

  test.each([
    ["itself", "../0002-20261122T091500Z"],
    ["a later version", "../0003-20261122T091500Z"],
    ["no version", "../.."],
  ])("does not go back to %s", async (_, target) => {
    const v = await inShell();
    cpSync(v.now, join(v.dir, "0003-20261122T091500Z"), { recursive: true, verbatimSymlinks: true });
    symlinkSync("3", join(v.now, "starts"));
    rmSync(join(v.now, "previous"));
    symlinkSync(target, join(v.now, "previous"));
    const link = readlinkSync(v.link);
    const ran = await v.start();
    expect(ran).toMatchObject({ code: 7, stderr: "" });
    expect(ran.stdout).toContain(`${v.now}/noded run `);
    expect(readlinkSync(v.link)).toBe(link);
  });

  test("counts the starts of a version that is not healthy, and the fourth goes back for good", async () => {
    const v = await inShell();
    for (const start of ["1", "2", "3"]) {
      expect((await v.start()).stdout).toContain(`${v.now}/noded `);
      expect(v.starts()).toBe(start);
    }
    const fourth = await v.start(v.link, ["--ready-fd", "3"]);
    expect(fourth).toMatchObject({ code: 7, stderr: "" });
    expect(fourth.stdout).toContain(`${v.old}/noded run --settings ${v.old}/settings.json --ready-fd 3\n`);
    expect(readlinkSync(v.link)).toBe("a root/0001-20261122T091500Z/noded.sh");
    expect(JSON.parse(readFileSync(join(v.now, "fell-back"), "utf8"))).toEqual({
      schemaVersion: 1,
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      starts: 3,
    });
    expect((await v.start()).stdout).toContain(`${v.old}/noded `);
    expect(readdirSync(v.now).filter((name) => name.startsWith("."))).toEqual([]);
  });

  test("gives up a version that has filled the disk, too", async ({ skip }) => {
    const temp = await tempDir();
    onTestFinished(async () => {
      await temp[Symbol.asyncDispose]();
    });
    using disk = smallDisk(join(temp.path, "disk"), "1m");
    if (!disk) {
      return skip("no file system can be mounted here");
    }
    const v = new Versions({ ...temp, path: disk.path }, interpreter.filter(Boolean));
    fill(join(disk.path, "full"));
    for (const start of ["1", "2", "3"]) {
      expect((await v.start()).stdout).toContain(`${v.now}/noded `);
      expect(v.starts()).toBe(start);
    }
    expect((await v.start()).stdout).toContain(`${v.old}/noded `);
    expect((await v.start()).stdout).toContain(`${v.old}/noded `);
    // A guard that has not noticed yet.
    await expect.poll(() => guardsOf(v), { timeout: 10_000 }).toEqual([]);
    expect(readdirSync(v.now).filter((name) => name.startsWith("."))).toEqual([]);
  });

  test("goes back through a chain of links, and changes the one that names the version", async () => {
    const v = await inShell();
    const outer = join(v.dir, "run");
    symlinkSync(v.link, outer);
    symlinkSync("3", join(v.now, "starts"));
    expect((await v.start(outer)).stdout).toContain(`${v.old}/noded `);
    expect(readlinkSync(v.link)).toBe("a root/0001-20261122T091500Z/noded.sh");
    expect(readlinkSync(outer)).toBe(v.link);
  });

  test.each([
    ["there is no version to go back to", (v: Versions) => rmSync(join(v.now, "previous"))],
    ["the version before is gone", (v: Versions) => rmSync(v.old, { recursive: true })],
  ])("starts what it has when %s", async (_, change) => {
    const v = await inShell();
    change(v);
    symlinkSync("3", join(v.now, "starts"));
    expect((await v.start()).stdout).toContain(`${v.now}/noded `);
    expect(readlinkSync(v.link)).toBe("a root/0002-20261122T091500Z/noded.sh");
  });

  test.each(["x", "08", "12345", "../3"])("a count of %j counts for nothing", async (text) => {
    const v = await inShell();
    symlinkSync(text, join(v.now, "starts"));
    expect((await v.start()).stdout).toContain(`${v.now}/noded `);
    expect(v.starts()).toBe("1");
  });

  test("a version that does not become healthy in time is killed, by a guard that is no child of it", async () => {
    const v = await inShell({ healthyWithinMs: 500 });
    writeFileSync(join(v.now, "hang"), "");
    const ran = await v.start();
    expect(ran).toMatchObject({ code: null, signal: "SIGKILL" });
  });

  test("one that becomes healthy is left alone, and its guard ends", async () => {
    const v = await inShell({ healthyWithinMs: 1000 });
    writeFileSync(join(v.now, "hang"), "");
    const child = spawn(v.link, { stdio: ["ignore", "pipe", "ignore"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    const [line] = await once(child.stdout.setEncoding("utf8"), "data");
    const pid = Number.parseInt(line, 10);
    expect(pid).toBe(child.pid);
    writeFileSync(join(v.now, "healthy"), "");
    await expect.poll(() => guardsOf(v), { timeout: 10_000 }).toEqual([]);
    expect(readProcessIdentity(pid)).toBeDefined();
  });

  test("its guard ends with it", async () => {
    const v = await inShell();
    await v.start();
    await expect.poll(() => guardsOf(v), { timeout: 10_000 }).toEqual([]);
  });
});

/** Mounts a small file system; undefined where nobody may. */
function smallDisk(path: string, size: string): (Disposable & { readonly path: string }) | undefined {
  mkdirSync(path);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "noded-test", path], { stdio: "ignore" });
  } catch {
    return undefined;
  }
  return { path, [Symbol.dispose]: () => void execFileSync("umount", [path]) };
}

/** Writes until there is no space left. */
function fill(file: string): void {
  const piece = Buffer.alloc(4096);
  try {
    for (;;) {
      appendFileSync(file, piece);
    }
  } catch (error) {
    if (!isErrno(error, "ENOSPC")) {
      throw error;
    }
  }
}

/** The shells that run a script of these versions. */
function guardsOf(v: Versions): readonly string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8");
      } catch {
        return "";
      }
    })
    .filter((line) => line.includes(v.link));
}
