import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TempDir, tempDir } from "@nodemanager/testing";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { install, plainScript } from "../src/applications.ts";
import { Device } from "../src/device.ts";
import { LongRunning } from "../src/long-running.ts";
import { NODED } from "../src/programs.ts";
import type { Ran } from "../src/ran.ts";
import { treeOf } from "../src/tree.ts";

// Programs are started by the dozen, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

// Roots that a manager refuses: each with its own reason and exit code, and with nothing changed on disk.

/** Whether this process may mount file systems of its own. */
const mayMount = process.getuid?.() === 0 && canMount();

async function device(): Promise<Device> {
  const made = await Device.make();
  onTestFinished(async () => {
    await made[Symbol.asyncDispose]();
  });
  return made;
}

/** Runs noded on the device's root, which it must refuse without changing it. */
async function refused(on: Device, ...args: readonly string[]): Promise<Ran & { readonly logged: string }> {
  const before = existsSync(on.root) ? treeOf(on.root) : [];
  const ran = await on.runNoded([...on.nodedArgs, ...args]);
  expect(existsSync(on.root) ? treeOf(on.root) : [], String(ran)).toEqual(before);
  expect(existsSync(join(on.dir, "s"))).toBe(false);
  return Object.assign(ran, { logged: /"reason":"([A-Z_]+)"/.exec(ran.stderr)?.[1] ?? "" });
}

describe("a root", () => {
  test("that is somebody else's", async () => {
    const on = await device();
    mkdirSync(on.root);
    writeFileSync(join(on.root, "letter"), "dear");
    expect(await refused(on)).toMatchObject({ logged: "ROOT_NOT_OURS", code: 78 });
  });

  test("that is a file", async () => {
    const on = await device();
    writeFileSync(on.root, "");
    expect(await refused(on)).toMatchObject({ logged: "ROOT_NOT_OURS", code: 78 });
  });

  test("that lies below a file", async () => {
    const on = await device();
    writeFileSync(join(on.dir, "file"), "");
    const ran = await on.runNoded(["--root", join(on.dir, "file/root"), "--listen", on.address]);
    expect(ran.code).toBe(78);
    expect(ran.stderr).toContain("ROOT_NOT_OURS");
  });

  test("that a living manager has: it says which", async () => {
    const on = await device();
    const first = await on.startNoded();
    const before = treeOf(on.root);
    const ran = await on.runNoded(["--root", on.root, "--listen", `unix:${on.dir}/other`]);
    expect(ran.code).toBe(75);
    expect(ran.stderr).toContain("ROOT_LOCKED");
    expect(ran.stderr).toContain(String(first.pid));
    expect(treeOf(on.root)).toEqual(before);
    expect((await first.end()).code).toBe(0);
  });

  test("that many managers want at once: one has it", async () => {
    const on = await device();
    const starts = await Promise.allSettled(
      Array.from({ length: 5 }, async (_, i) => {
        const args = ["--root", on.root, "--listen", `unix:${on.dir}/s${i}`, "--ready-fd", "3"];
        return (await LongRunning.start(NODED, args, { env: on.env, cwd: on.dir })).program;
      }),
    );
    const winners = starts.flatMap((start) => (start.status === "fulfilled" ? [start.value] : []));
    await Promise.all(winners.map((winner) => winner.end()));
    expect(winners).toHaveLength(1);
    for (const start of starts) {
      expect(start.status === "fulfilled" || String(start.reason).includes("ROOT_LOCKED")).toBe(true);
    }
  });

  test("that has a newer format: it says which it knows", async () => {
    const on = await device();
    await (await on.startNoded()).end();
    writeFileSync(join(on.root, "format"), JSON.stringify({ schemaVersion: 1, format: 99 }));
    const ran = await refused(on);
    expect(ran).toMatchObject({ logged: "FORMAT_TOO_NEW", code: 65 });
    expect(ran.stderr).toMatch(/format 99.*knows 1/);
  });

  test("whose format cannot be read", async () => {
    const on = await device();
    await (await on.startNoded()).end();
    writeFileSync(join(on.root, "format"), "{");
    expect((await refused(on)).logged).toBe("STORE_CORRUPT");
  });

  test.skipIf(!mayMount)("that is read-only", async () => {
    const on = await device();
    await (await on.startNoded()).end();
    mount(["--bind", on.root, on.root]);
    onTestFinished(() => unmount(on.root));
    mount(["-o", "remount,bind,ro", on.root]);
    expect(await refused(on)).toMatchObject({ logged: "READ_ONLY", code: 75 });
  });

  test.skipIf(!mayMount)("that would have to be made on a read-only file system", async () => {
    const on = await device();
    mkdirSync(on.root);
    mount(["-t", "tmpfs", "-o", "ro,size=64k", "tmpfs", on.root]);
    onTestFinished(() => unmount(on.root));
    expect(await refused(on)).toMatchObject({ logged: "READ_ONLY", code: 75 });
  });

  test.skipIf(!mayMount)("that is full, when it is made and when something is installed", async () => {
    const on = await device();
    mkdirSync(on.root);
    mount(["-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", on.root]);
    onTestFinished(() => unmount(on.root));
    const full = join(on.root, "..", "root", ".incoming-ballast");
    spawnSync("dd", ["if=/dev/zero", `of=${full}`, "bs=1k", "count=16384"]);
    expect(await refused(on)).toMatchObject({ logged: "DISK_FULL", code: 75 });

    // There is room for the manager, but not for what is to be installed.
    renameSync(full, `${full}-2`);
    truncateSync(`${full}-2`);
    await on.startNoded();
    const plain = plainScript(on);
    writeFileSync(plain.file, `${readFileSync(plain.file, "utf8")}#${"x".repeat(5 * 1024 * 1024)}\n`);
    const before = treeOf(on.root);
    await expect(install(on, plain, { title: "large" })).rejects.toThrow("DISK_FULL");
    expect(treeOf(on.root)).toEqual(before);
    // Something small still fits.
    expect(await install(on, plainScript(on), { title: "small" })).toMatch(/^apps\/small\//);
    await on.ok("uninstall", "apps");
    expect((await on.noded.end()).code).toBe(0);
  });

  test.skipIf(process.getuid?.() !== 0)("that this user may not write to", async ({ skip }) => {
    const on = await device();
    mkdirSync(on.root, { mode: 0o755 });
    chmodSync(on.dir, 0o755);
    const home: TempDir = await tempDir();
    onTestFinished(async () => {
      await home[Symbol.asyncDispose]();
    });
    chmodSync(home.path, 0o777);
    const asNobody = (...args: readonly string[]) =>
      spawnSync("setpriv", ["--reuid=65534", "--clear-groups", "--", NODED, ...args], { encoding: "utf8" });
    skip(asNobody("version").status !== 0, "the clone lies where no other user may read it");
    const before = treeOf(on.root);
    const ran = asNobody("--root", on.root, "--listen", `unix:${home.path}/own/s`);
    expect({ code: ran.status, reason: ran.stderr.includes("ROOT_NOT_WRITABLE") }).toEqual({ code: 75, reason: true });
    expect(treeOf(on.root)).toEqual(before);
  });
});

describe("a socket", () => {
  test("whose path is too long", async () => {
    const on = await device();
    const long = `unix:${on.dir}/${"x".repeat(108)}`;
    expect(await on.runNoded(["--root", on.root, "--listen", long])).toMatchObject({
      reason: "SOCKET_PATH_TOO_LONG",
      code: 64,
    });
    expect(await on.runNoded(["--root", on.root], { NODED_LISTEN: long })).toMatchObject({
      reason: "SOCKET_PATH_TOO_LONG",
      code: 78,
    });
    expect(existsSync(on.root)).toBe(false);
    const asked = await on.nmctl("--node", long, "status");
    expect(asked).toMatchObject({ reason: "SOCKET_PATH_TOO_LONG", code: 2 });
  });

  test("in a directory that others can write to", async () => {
    const on = await device();
    mkdirSync(join(on.dir, "open"));
    chmodSync(join(on.dir, "open"), 0o777);
    const ran = await on.runNoded(["--root", on.root, "--listen", `unix:${on.dir}/open/s`]);
    expect(ran.code).toBe(78);
    expect(existsSync(on.root)).toBe(false);
  });

  test("that somebody answers on, and one that nobody does any more", async () => {
    const on = await device();
    await on.startNoded();
    const ran = await on.runNoded(["--root", join(on.dir, "root2"), "--listen", on.address]);
    expect(ran.code).toBe(75);
    expect(ran.stderr).toContain("ADDRESS_IN_USE");
    await on.noded.end("SIGKILL");
    expect(existsSync(join(on.dir, "s"))).toBe(true);
    await on.startNoded();
    expect((await on.nmctl("status", "nm")).code).toBe(0);
    await on.noded.end();
    expect(existsSync(join(on.dir, "s"))).toBe(false);
  });

  test("on a network address without certificates", async () => {
    const on = await device();
    const ran = await on.runNoded(["--root", on.root, "--listen", "127.0.0.1:0"]);
    expect(ran.code).toBe(78);
    expect(ran.stderr).toContain("never served in the clear");
    expect(existsSync(on.root)).toBe(false);
  });
});

function mount(args: readonly string[]): void {
  const { status, stderr } = spawnSync("mount", args, { encoding: "utf8" });
  if (status !== 0) {
    throw new Error(`mount ${args.join(" ")}: ${stderr}`);
  }
}

function unmount(dir: string): void {
  spawnSync("umount", [dir]);
}

function canMount(): boolean {
  const dir = spawnSync("mktemp", ["-d"], { encoding: "utf8" }).stdout.trim();
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=16k", "tmpfs", dir]).status === 0;
  if (mounted) {
    unmount(dir);
  }
  spawnSync("rmdir", [dir]);
  return mounted;
}
