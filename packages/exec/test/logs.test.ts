import { execFileSync } from "node:child_process";
import { readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { lastLines, ParentHandle } from "@nodemanager/exec";
import { reasonOf } from "@nodemanager/testing";
import { describe, expect, test } from "vitest";
import { started, workspace } from "./support.ts";

describe("logs", () => {
  test("are appended to, and nobody else can read them", async () => {
    await using work = await workspace();
    for (const word of ["one", "two"]) {
      await using child = await started(work.sh(`echo ${word}; echo ${word} >&2`), "none");
      await child.exited;
      expect(await child.lastLines()).toBe(word);
    }
    expect(work.stdout()).toBe("one\ntwo\n");
    expect((await stat(join(work.dir, "stderr"))).mode & 0o777).toBe(0o600);
  });

  test("may be one file, in the order of writing", async () => {
    await using work = await workspace();
    const command = { ...work.sh("echo a; echo b >&2; echo c"), stderrPath: join(work.dir, "stdout") };
    await using child = await started(command, "none");
    await child.exited;
    expect(work.stdout()).toBe("a\nb\nc\n");
  });

  test("are not opened through what an application put in their place", async () => {
    await using work = await workspace();
    const path = (name: string) => join(work.dir, name);
    await writeFile(path("target"), "");
    await symlink("target", path("link"));
    execFileSync("mkfifo", [path("fifo")]);
    for (const name of ["link", "fifo", "."]) {
      const command = { ...work.sh("echo hello"), stdoutPath: path(name) };
      await expect(ParentHandle.spawn(command, { protocol: "none" }), name).rejects.toThrow();
    }
    expect(await readFile(path("target"), "utf8")).toBe("");
    expect(await reasonOf(ParentHandle.spawn({ ...work.sh(""), stderrPath: "/dev/null" }, { protocol: "none" }))).toBe(
      "SPAWN_FAILED",
    );
  });
});

describe("last lines", () => {
  async function of(stderr: string | Uint8Array, stdout: string | Uint8Array = "", from?: number): Promise<string> {
    await using work = await workspace();
    await writeFile(join(work.dir, "stderr"), stderr);
    await writeFile(join(work.dir, "stdout"), stdout);
    return await lastLines(join(work.dir, "stdout"), join(work.dir, "stderr"), { stderrFrom: from ?? 0 });
  }

  test("are the last ten of stderr", async () => {
    const lines = Array.from({ length: 30 }, (_, index) => `line ${index}`);
    expect(await of(`${lines.join("\n")}\n`, "other")).toBe(lines.slice(-10).join("\n"));
    expect(await of("only")).toBe("only");
  });

  test("are those of stdout when nothing, or nothing but blanks, is in stderr", async () => {
    expect(await of("", "out\n")).toBe("out");
    expect(await of("\n \n", "out\n")).toBe("out");
    expect(await of("", "")).toBe("");
  });

  test("have no more than 4 KiB: whole lines if there are any", async () => {
    const line = "x".repeat(999);
    expect(await of(`${line}\n`.repeat(9))).toBe(Array(4).fill(line).join("\n"));
    expect(await of("y".repeat(10_000))).toBe("y".repeat(4096));
    expect(await of(`${"x".repeat(5000)}\n${"z".repeat(4095)}\n`)).toBe("z".repeat(4095));
  });

  test("begin at a character", async () => {
    const text = await of("ä".repeat(4000));
    expect(text).toMatch(/^ä+$/);
    expect(Buffer.byteLength(text)).toBe(4096);
    expect(await of(`${"a".repeat(3)}${"€".repeat(3000)}`)).toMatch(/^€+$/);
  });

  test("have nothing in them that a terminal obeys", async () => {
    expect(await of("\x1b[2Jgone\x07\r\nok\tok\x9b5n")).toBe("\ufffd[2Jgone\ufffd\nok\tok\ufffd5n");
    expect(await of(Uint8Array.of(0x61, 0xff, 0x62))).toBe("a\ufffdb");
  });

  test("begin where the process began, also in a log that was cut off since", async () => {
    expect(await of("before\nafter\n", "", 7)).toBe("after");
    expect(await of("before\n", "out", 7)).toBe("out");
    expect(await of("new\n", "", 1000)).toBe("new");
  });

  test("of what is not a log are empty", async () => {
    await using work = await workspace();
    execFileSync("mkfifo", [join(work.dir, "fifo")]);
    await symlink("/etc/passwd", join(work.dir, "link"));
    for (const name of ["missing", "fifo", "link", "."]) {
      expect(await lastLines(join(work.dir, name), join(work.dir, name))).toBe("");
    }
  });
});
