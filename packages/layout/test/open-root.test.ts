import { chmodSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ProcessIdentity } from "@nodemanager/core";
import { type FsOps, nodeFs, openRoot } from "@nodemanager/layout";
import { collect, FakeClock, failureOf, reasonOf, tempDir } from "@nodemanager/testing";
import { describe, expect, test } from "vitest";
import { crashStates, replay } from "./support/crash-states.ts";
import { install, open, paths, SELF, view } from "./support/fixture.ts";
import { failAt, RecordingFs } from "./support/recording-fs.ts";

const OTHER: ProcessIdentity = { pid: 1234, startTicks: 1, bootId: "boot" };

/** Everything below a directory, locks and all, with sizes. */
function everything(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: "utf8" })
    .map((path) => `${path} ${statSync(join(dir, path)).size}`)
    .sort();
}

describe("opening a root", () => {
  test("makes one where nothing is, with everything above it, closed to others", async () => {
    await using dir = await tempDir();
    const path = join(dir.path, "var", "lib", "noded");
    await using root = await open(path);
    expect(root.dir).toBe(path);
    expect(root.runDir).toBe(join(path, "run"));
    expect(paths(path)).toEqual(["blobs/", "blobs/sha256/", "format", "node-manager/", "run/"]);
    for (const made of [path, root.runDir, join(path, "blobs", "sha256"), join(dir.path, "var")]) {
      expect(statSync(made).mode & 0o777).toBe(0o700);
    }
  });

  test("makes one of an empty directory and closes it to others", async () => {
    await using dir = await tempDir();
    chmodSync(dir.path, 0o755);
    await using root = await open(dir.path);
    expect(statSync(root.dir).mode & 0o777).toBe(0o700);
  });

  test("follows a symbolic link to it", async () => {
    await using dir = await tempDir();
    mkdirSync(join(dir.path, "disk"));
    symlinkSync("disk", join(dir.path, "link"));
    await using root = await open(join(dir.path, "link"));
    expect(root.dir).toBe(join(dir.path, "disk"));
  });

  test("finds everything again", async () => {
    await using dir = await tempDir();
    const first = await open(dir.path);
    await install(first);
    const before = await view(first);
    await first[Symbol.asyncDispose]();
    await using second = await open(dir.path);
    expect(await view(second)).toEqual(before);
  });
});

describe("what is not a root is refused and stays as it is", () => {
  const v2 = { schemaVersion: 1, format: 2 };
  test.each([
    {
      what: "a directory of somebody else's",
      reason: "ROOT_NOT_OURS",
      plant: (dir: string) => mkdirSync(join(dir, "home")),
    },
    {
      what: "a file named format",
      reason: "ROOT_NOT_OURS",
      plant: (dir: string) => writeFileSync(join(dir, "format"), "x"),
    },
    {
      what: "a newer format",
      reason: "FORMAT_TOO_NEW",
      plant: (dir: string) => writeFileSync(join(dir, "format"), JSON.stringify(v2)),
    },
  ])("$what", async ({ reason, plant }) => {
    await using dir = await tempDir();
    plant(dir.path);
    const before = everything(dir.path);
    const failure = await failureOf(open(dir.path));
    expect(failure.reason).toBe(reason);
    expect(everything(dir.path)).toEqual(before);
    if (reason === "FORMAT_TOO_NEW") {
      expect(failure.metadata).toEqual({ found: "2", supported: "1" });
    }
  });

  test("a file, and a path through a file", async () => {
    await using dir = await tempDir();
    const file = join(dir.path, "file");
    writeFileSync(file, "");
    expect(await reasonOf(open(file))).toBe("ROOT_NOT_OURS");
    expect(await reasonOf(open(join(file, "root")))).toBe("ROOT_NOT_OURS");
  });

  test("a dangling link", async () => {
    await using dir = await tempDir();
    symlinkSync("nowhere", join(dir.path, "link"));
    expect(await reasonOf(open(join(dir.path, "link")))).toBe("ROOT_NOT_OURS");
  });

  test("a root whose format or lock is damaged says so", async () => {
    await using dir = await tempDir();
    await (await open(dir.path))[Symbol.asyncDispose]();
    const lock = readdirSync(dir.path)
      .filter((name) => name.startsWith("lock-"))
      .sort()
      .at(-1);
    truncateSync(join(dir.path, `${lock}`), 3);
    const failure = await failureOf(open(dir.path));
    expect(failure.reason).toBe("STORE_CORRUPT");
    expect(failure.metadata.file).toBe(join(dir.path, `${lock}`));
    truncateSync(join(dir.path, "format"), 3);
    expect((await failureOf(open(dir.path))).metadata.file).toBe(join(dir.path, "format"));
  });
});

describe("W13: one manager a root", () => {
  test("the second is told who has it and changes nothing", async () => {
    await using dir = await tempDir();
    await using first = await open(dir.path);
    await install(first);
    const before = everything(dir.path);
    const failure = await failureOf(
      openRoot(dir.path, { self: OTHER, isAlive: (process) => process.pid === SELF.pid }),
    );
    expect(failure.reason).toBe("ROOT_LOCKED");
    expect(failure.metadata).toEqual({ pid: String(SELF.pid) });
    expect(everything(dir.path)).toEqual(before);
  });

  test("the next one has it after a release, and after a death without one", async () => {
    await using dir = await tempDir();
    const isAlive = () => true;
    const first = await openRoot(dir.path, { self: SELF, isAlive });
    await first[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
    const second = await openRoot(dir.path, { self: OTHER, isAlive });
    expect(await reasonOf(openRoot(dir.path, { self: SELF, isAlive }))).toBe("ROOT_LOCKED");
    await using third = await openRoot(dir.path, { self: SELF, isAlive: () => false });
    expect(third.dir).toBe(dir.path);
    expect(second.dir).toBe(dir.path);
  });

  test("a root that could be opened a thousand times has a handful of lock files", async () => {
    await using dir = await tempDir();
    for (let n = 0; n < 20; n += 1) {
      await (await open(dir.path))[Symbol.asyncDispose]();
    }
    expect(readdirSync(dir.path).filter((name) => name.startsWith("lock-"))).toHaveLength(2);
  });
});

describe("a root that cannot be opened leaves nothing behind", () => {
  test.each([
    { code: "ENOSPC", reason: "DISK_FULL" },
    { code: "EROFS", reason: "READ_ONLY" },
    { code: "EACCES", reason: "ROOT_NOT_WRITABLE" },
  ])("$code at any verb of the first opening", async ({ code, reason }) => {
    await using dir = await tempDir();
    const path = join(dir.path, "a", "root");
    let refused = 0;
    for (let n = 1; ; n += 1) {
      const fault = failAt(n, code, [
        "create",
        "write",
        "fsync",
        "mkdir",
        "link",
        "symlink",
        "rename",
        "syncDir",
        "chmod",
      ]);
      fault.arm();
      const opening = openRoot(path, {
        self: SELF,
        isAlive: () => true,
        fs: new RecordingFs(fault.guard),
        clock: new FakeClock(),
      });
      const root = await opening.catch((error: unknown) => error);
      if (fault.seen() < n) {
        break;
      }
      expect(root, `verb ${n}`).toMatchObject({ reason });
      expect(paths(dir.path), `verb ${n}`).toEqual([]);
      refused += 1;
    }
    expect(refused).toBeGreaterThan(10);
  });

  test("what another manager has made of the directory meanwhile stays", async () => {
    await using dir = await tempDir();
    const path = join(dir.path, "root");
    let calls = 0;
    const fs: FsOps = {
      ...nodeFs,
      // The first link is that of the first lock: by then the directory was found to be empty.
      async link(existing, to) {
        calls += 1;
        if (calls === 1) {
          await using other = await open(path);
          await install(other);
        }
        await nodeFs.link(existing, to);
      },
      async stat(file) {
        if (file === join(path, "run")) {
          throw Object.assign(new Error("injected"), { code: "EIO", syscall: "lstat" });
        }
        return await nodeFs.stat(file);
      },
    };
    expect(await reasonOf(openRoot(path, { self: OTHER, isAlive: () => true, fs }))).toBe("INTERNAL");
    await using root = await open(path);
    expect(await collect(root.installations.list())).toHaveLength(1);
  });

  test("a crash at any point of the first opening leaves what the next one opens", async () => {
    await using dir = await tempDir();
    const fs = new RecordingFs();
    mkdirSync(join(dir.path, "first"));
    await open(join(dir.path, "first", "a", "root"), { fs });
    let round = 0;
    for (const state of crashStates(fs.changes)) {
      round += 1;
      const place = join(dir.path, `crashed-${round}`);
      mkdirSync(place);
      replay(state.changes, join(dir.path, "first"), place);
      await using root = await open(join(place, "a", "root"));
      await root.sweep();
      expect(paths(root.dir), `${state.kind} after ${state.after}`).toEqual([
        "blobs/",
        "blobs/sha256/",
        "format",
        "node-manager/",
        "run/",
      ]);
    }
    expect(round).toBeGreaterThan(20);
  });
});

test("what is in the way of a directory is moved to quarantine", async () => {
  await using dir = await tempDir();
  await (await open(dir.path))[Symbol.asyncDispose]();
  rmSync(join(dir.path, "run"), { recursive: true });
  writeFileSync(join(dir.path, "run"), "mine");
  await using root = await open(dir.path);
  expect(statSync(root.runDir).isDirectory()).toBe(true);
  expect(readdirSync(join(dir.path, "quarantine"))).toEqual([expect.stringMatching(/^run\./)]);
});
