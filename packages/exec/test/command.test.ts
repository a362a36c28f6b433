import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Command, Containment, ParentHandle, type Protocol, readProcessIdentity } from "@nodemanager/exec";
import { reasonOf } from "@nodemanager/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { STUB } from "../src/command.ts";
import { started, type Workspace, workspace } from "./support.ts";

/** Says its arguments and its environment as they are, each ended by NUL. */
const ARGS_AND_ENV = ["/bin/cat", ["/proc/self/cmdline", "/proc/self/environ"]] as const;

async function environmentOf(work: Workspace, env: Readonly<Record<string, string>>, protocol: Protocol = "none") {
  await using child = await started(work.command("/bin/cat", ["/proc/self/environ"], env), protocol, { launchId: "l" });
  expect(await child.exited).toEqual({ kind: "code", code: 0 });
  const entries = work
    .stdout()
    .split("\0")
    .filter(Boolean)
    .map((entry) => entry.split(/=(.*)/s).slice(0, 2));
  return Object.fromEntries(entries);
}

async function spawnReason(command: Command): Promise<string> {
  return await reasonOf(ParentHandle.spawn(command, { protocol: "none" }));
}

describe("the environment (E18)", () => {
  test("is what was given and the manager's own", async () => {
    await using work = await workspace();
    expect(await environmentOf(work, { A: "1", EMPTY: "", _x9: "a=b\nc" })).toEqual({
      A: "1",
      EMPTY: "",
      _x9: "a=b\nc",
      NODED_LAUNCH_ID: "l",
    });
  });

  test("has what each protocol needs, and nobody else can set it", async () => {
    await using work = await workspace();
    const env = { NODED_EXEC_VERSION: "9", NOTIFY_FD: "9", NODED_LAUNCH_ID: "other" };
    expect(await environmentOf(work, env, "handshake")).toEqual({ NODED_EXEC_VERSION: "1", NODED_LAUNCH_ID: "l" });
    await using other = await workspace();
    expect(await environmentOf(other, env, "fd")).toEqual({ NOTIFY_FD: "4", NODED_LAUNCH_ID: "l" });
  });

  test("passes variables that a shell sets, or obeys, as they were given", async () => {
    await using work = await workspace();
    const env = {
      PWD: "/elsewhere",
      OLDPWD: "/before",
      SHLVL: "7",
      _: "underscore",
      IFS: "g",
      PS4: "$(id)",
      ENV: "/etc/passwd",
      OPTIND: "5",
      PPID: "1",
      LD_LIBRARY_PATH: "/nonexistent",
      BASH_ENV: "/etc/passwd",
      SHELLOPTS: "noexec",
      go: "no",
    };
    expect(await environmentOf(work, env)).toEqual({ ...env, NODED_LAUNCH_ID: "l" });
  });

  test("has a PWD only if it was given, also when it is where the program runs", async () => {
    await using work = await workspace();
    for (const dir of [work.dir, "/", join(work.dir, "link")]) {
      await symlink(work.dir, join(work.dir, "link")).catch(() => {});
      await writeFile(join(work.dir, "stdout"), "");
      const command = { ...work.command("/bin/cat", ["/proc/self/environ"], { PWD: dir }), cwd: dir };
      await using child = await started(command, "none", { launchId: "l" });
      await child.exited;
      expect(work.stdout().split("\0").filter(Boolean).toSorted()).toEqual(["NODED_LAUNCH_ID=l", `PWD=${dir}`]);
    }
  });

  test.each(["1A", "A-B", "A B", "", "A=B", "BASH_FUNC_go%%"])("has no variable %j", async (key) => {
    await using work = await workspace();
    expect(await spawnReason(work.command("/bin/true", [], { [key]: "x" }))).toBe("INVALID_ARGUMENT");
  });

  test("has no NUL in it, and the arguments neither", async () => {
    await using work = await workspace();
    expect(await spawnReason(work.command("/bin/true", [], { A: "\0" }))).toBe("INVALID_ARGUMENT");
    expect(await spawnReason(work.command("/bin/true", ["\0"]))).toBe("INVALID_ARGUMENT");
  });
});

describe("the stub", () => {
  test("passes every argument as it is: there is nothing to quote", async () => {
    await using work = await workspace();
    const hostile = [
      "$(touch ran)",
      "`touch ran`",
      "; touch ran",
      "'",
      '"',
      "\\",
      "-c",
      "--",
      "",
      " ",
      "\n",
      "*",
      "$@",
      "é",
      "x=y",
    ];
    const script = "#!/bin/sh\nfor argument; do printf '%s\\0' \"$argument\"; done\n";
    await writeFile(join(work.dir, "-says its arguments"), script, { mode: 0o700 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc.constantFrom(...hostile),
            fc.string({ unit: "binary" }).filter((text) => !text.includes("\0")),
          ),
        ),
        async (args) => {
          await writeFile(join(work.dir, "stdout"), "");
          await using child = await started(work.command(join(work.dir, "-says its arguments"), args), "none");
          expect(await child.exited).toEqual({ kind: "code", code: 0 });
          expect(work.stdout()).toBe(args.map((text) => `${text}\0`).join(""));
        },
      ),
      { numRuns: 25, examples: [[hostile]] },
    );
    expect(() => statSync(join(work.dir, "ran"))).toThrow();
  });

  test("runs nothing of the program before it is released, and keeps pid and start time", async () => {
    await using work = await workspace();
    await using child = await ParentHandle.spawn(work.command(...ARGS_AND_ENV), { protocol: "none" });
    await using other = await ParentHandle.spawn(work.command("/bin/sleep", ["600"]), { protocol: "none" });
    await other.release();
    await other.waitForReady({ kind: "none", settleMs: 0, timeoutMs: 10_000 });
    expect(work.stdout()).toBe("");
    expect(readFileSync(`/proc/${child.identity.pid}/cmdline`, "latin1")).toContain("noded-stub");
    expect(readProcessIdentity(other.identity.pid)).toEqual(other.identity);
    expect(readFileSync(`/proc/${other.identity.pid}/cmdline`, "latin1")).toBe("/bin/sleep\x00600\x00");
  });

  test.each(["stop\n", "go", "gone\n", "\n", ""])("ends when it is told %j", (text) => {
    const input = `printf '${text.replace("\n", "\\n")}' | { exec 3<&0; exec "$@"; }`;
    for (const protocol of ["none", "fd", "handshake"] as const) {
      const { status, stdout } = spawnSync("/bin/sh", [
        "-c",
        input,
        "sh",
        "/bin/sh",
        "-c",
        STUB[protocol],
        "x",
        "/bin/echo",
        "ran",
      ]);
      expect([status, String(stdout)]).toEqual([111, ""]);
    }
  });

  test("is the leader of a session and a process group of its own", async () => {
    await using work = await workspace();
    await using child = await started(work.sh("cut -d' ' -f5,6 /proc/$$/stat"), "none");
    await child.exited;
    expect(work.stdout()).toBe(`${child.identity.pid} ${child.identity.pid}\n`);
  });
});

describe("a command that cannot run is refused before there is a process", () => {
  test("for its program", async () => {
    await using work = await workspace();
    const file = (name: string) => join(work.dir, name);
    await writeFile(file("not-executable"), "#!/bin/sh\n", { mode: 0o600 });
    await writeFile(file("empty"), "", { mode: 0o700 });
    await writeFile(file("text"), "echo ran\n", { mode: 0o700 });
    const elf = Buffer.alloc(64);
    elf.write("\x7fELF\x02\x01\x01", "latin1");
    elf.writeUInt16LE(8, 18); // MIPS
    await writeFile(file("mips"), elf, { mode: 0o700 });
    await mkdir(file("directory"));
    await symlink("nowhere", file("dangling"));
    for (const name of ["not-executable", "empty", "text", "mips", "directory", "dangling", "missing", "text/below"]) {
      expect([name, await spawnReason(work.command(file(name)))]).toEqual([name, "SPAWN_FAILED"]);
    }
    expect(await spawnReason(work.command("true"))).toBe("SPAWN_FAILED");
    expect(() => statSync(file("stdout"))).toThrow();
  });

  test("for its working directory", async () => {
    await using work = await workspace();
    const command = work.command("/bin/true");
    expect(await spawnReason({ ...command, cwd: join(work.dir, "missing") })).toBe("SPAWN_FAILED");
    expect(await spawnReason({ ...command, cwd: "/bin/true" })).toBe("SPAWN_FAILED");
    expect(await spawnReason({ ...command, cwd: "." })).toBe("SPAWN_FAILED");
  });

  test("for its arguments being longer than the kernel takes", async () => {
    await using work = await workspace();
    expect(await spawnReason(work.command("/bin/true", ["x".repeat(200 * 1024)]))).toBe("SPAWN_FAILED");
  });

  test("for a launch id that cannot name a control group", async () => {
    await using work = await workspace();
    for (const launchId of ["../x", "", ".", "a/b"]) {
      const options = { protocol: "none", launchId, containment: Containment.none() } as const;
      expect(await reasonOf(ParentHandle.spawn(work.command("/bin/true"), options))).toBe("INVALID_ARGUMENT");
    }
  });
});

test("a program that the shell cannot start after all is reported with what the shell said", async () => {
  await using work = await workspace();
  await writeFile(join(work.dir, "script"), "#!/no/such/interpreter\n", { mode: 0o700 });
  await using child = await started(work.command(join(work.dir, "script")), "none");
  expect(await reasonOf(child.waitForReady({ kind: "none", settleMs: 60_000, timeoutMs: 60_000 }))).toBe(
    "CHILD_EXITED",
  );
  expect(await child.lastLines()).toContain("script");
});
