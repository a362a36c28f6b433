import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { isErrno } from "@nodemanager/core";
import { nodeFs } from "@nodemanager/layout";
import { tempDir } from "@nodemanager/testing";
import { describe, expect, test } from "vitest";

async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return isErrno(error, "ELOOP", "EISDIR", "EFTYPE", "EFBIG", "ENXIO", "EEXIST", "ENOTDIR", "ENOENT", "EBADF")
      ? error.code
      : String(error);
  }
}

describe("the verbs on the real file system", () => {
  test("read regular files only, whole and up to a size", async () => {
    await using dir = await tempDir();
    const path = (name: string) => join(dir.path, name);
    writeFileSync(path("file"), "twelve bytes");
    expect(Buffer.from(await nodeFs.readFile(path("file"), 12)).toString()).toBe("twelve bytes");
    expect(await codeOf(nodeFs.readFile(path("file"), 11))).toBe("EFBIG");
    execFileSync("mkfifo", [path("fifo")]);
    expect(await codeOf(nodeFs.readFile(path("fifo"), 12))).toBe("EFTYPE");
    symlinkSync("file", path("link"));
    expect(await codeOf(nodeFs.readFile(path("link"), 12))).toBe("ELOOP");
    expect(await codeOf(nodeFs.readFile(dir.path, 12))).toBe("EISDIR");
    expect(await codeOf(nodeFs.readFile(path("none"), 12))).toBe("ENOENT");
    expect(await codeOf(nodeFs.readFile("/dev/zero", 12))).toBe("EFTYPE");
    writeFileSync(path("sparse"), "");
    truncateSync(path("sparse"), 3 * 1024 ** 3);
    expect(await codeOf(nodeFs.readFile(path("sparse"), 12))).toBe("EFBIG");
    const server = createServer().listen(path("socket"));
    expect(await codeOf(nodeFs.readFile(path("socket"), 12))).toBe("ENXIO");
    await new Promise((resolve) => server.close(resolve));
  });

  test("create files that are not there, and write them whole whatever their size", async () => {
    await using dir = await tempDir();
    const path = join(dir.path, "file");
    const bytes = new Uint8Array(3_000_000).map((_, at) => at % 251);
    const file = await nodeFs.createFile(path, 0o600);
    await file.write(bytes.subarray(0, 10));
    await file.write(bytes.subarray(10));
    await file.setMode(0o500);
    await file.sync();
    await file.close();
    await file.close();
    expect(readFileSync(path).equals(bytes)).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o500);
    expect(await codeOf(file.write(bytes))).toBe("EBADF");
    expect(await codeOf(nodeFs.createFile(path, 0o600))).toBe("EEXIST");
    symlinkSync("nowhere", join(dir.path, "link"));
    expect(await codeOf(nodeFs.createFile(join(dir.path, "link"), 0o600))).toBe("EEXIST");
    expect(existsSync(join(dir.path, "nowhere"))).toBe(false);
  });

  test("list and sync directories, not links to them", async () => {
    await using dir = await tempDir();
    mkdirSync(join(dir.path, "real"));
    symlinkSync("real", join(dir.path, "link"));
    execFileSync("mkfifo", [join(dir.path, "fifo")]);
    expect((await nodeFs.readdir(dir.path)).toSorted((a, b) => a.name.localeCompare(b.name))).toEqual([
      { name: "fifo", kind: "other" },
      { name: "link", kind: "symlink" },
      { name: "real", kind: "directory" },
    ]);
    expect(await codeOf(nodeFs.readdir(join(dir.path, "link")))).toBe("ENOTDIR");
    expect(["ELOOP", "ENOTDIR"]).toContain(await codeOf(nodeFs.syncDir(join(dir.path, "link"))));
    await nodeFs.syncDir(join(dir.path, "real"));
  });

  test("remove trees, also those whose permissions were taken away, and never through a link", async () => {
    await using dir = await tempDir();
    const tree = join(dir.path, "tree");
    mkdirSync(join(tree, "a", "b"), { recursive: true });
    writeFileSync(join(tree, "a", "b", "file"), "");
    mkdirSync(join(dir.path, "outside"));
    writeFileSync(join(dir.path, "outside", "file"), "");
    symlinkSync(join(dir.path, "outside"), join(tree, "link"));
    chmodSync(join(tree, "a", "b"), 0);
    chmodSync(join(tree, "a"), 0);
    await nodeFs.removeTree(tree);
    expect(existsSync(tree)).toBe(false);
    expect(existsSync(join(dir.path, "outside", "file"))).toBe(true);
    await nodeFs.removeTree(tree);
  });
});
