import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { noNewPrivileges, terminate, whyNoAccounts } from "@nodemanager/exec";
import { failureOf, tempDir } from "@nodemanager/testing";
import { describe, expect, test } from "vitest";
import { started, workspace } from "./support.ts";

const ID = 1_879_100_001;
const CREDENTIALS = { uid: ID, gid: ID };
const isRoot = process.geteuid?.() === 0;

/** A workspace that the account may pass through to a directory of its own, with a program that anybody may run. */
async function ownWorkspace(program: string) {
  const space = await workspace();
  chmodSync(space.dir, 0o711);
  const cwd = join(space.dir, "root");
  mkdirSync(cwd, { mode: 0o700 });
  chownSync(cwd, ID, ID);
  const file = join(space.dir, "program");
  writeFileSync(file, `#!/bin/sh\n${program}\n`);
  chmodSync(file, 0o555);
  return { space, file, cwd, command: { ...space.command(file), cwd } };
}

describe.skipIf(!isRoot)("a child with credentials (needs root)", () => {
  test("has that user and group, no other, no capabilities and no way to any", async () => {
    const { space, command } = await ownWorkspace("id -u; id -g; id -G; cat /proc/self/status; echo end");
    await using _ = space;
    await using child = await started(command, "none", { credentials: CREDENTIALS });
    const said = await space.says("end");
    expect(said.split("\n").slice(0, 3)).toEqual([`${ID}`, `${ID}`, `${ID}`]);
    expect(said).toMatch(new RegExp(`^Uid:\\t${ID}\\t${ID}\\t${ID}\\t${ID}$`, "m"));
    expect(said).toMatch(/^Groups:\s*$/m);
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapAmb"]) {
      expect(said).toMatch(new RegExp(`^${set}:\\t0+$`, "m"));
    }
    expect(said).toMatch(/^NoNewPrivs:\t1$/m);
    expect(await child.exited).toEqual({ kind: "code", code: 0 });
  });

  test("keeps the identity that the stub had, and its protocol, and is ended like any other", async () => {
    const { space, command } = await ownWorkspace("echo pid $$; echo >&$NOTIFY_FD; exec sleep 600");
    await using _ = space;
    await using child = await started(command, "fd", { credentials: CREDENTIALS });
    await child.waitForReady({ kind: "fd", timeoutMs: 10_000 });
    expect(space.stdout()).toBe(`pid ${child.identity.pid}\n`);
    await terminate(child, { signal: "SIGTERM", graceMs: 5000 });
    expect(await child.exited).toEqual({ kind: "signal", signal: "SIGTERM" });
  });

  test("gets variables that concern a shell, which its way to no new privileges does not see", async () => {
    const { space, command } = await ownWorkspace("echo $LD_NOTHING $IFS_IS; echo end");
    await using _ = space;
    const env = { PATH: "/usr/bin:/bin", LD_NOTHING: "kept" };
    await using child = await started({ ...command, env }, "none", { credentials: CREDENTIALS });
    expect(await space.says("end")).toBe("kept\nend\n");
    await child.exited;
  });

  test("writes to its logs also by name, and cannot put anything in their place", async () => {
    const { space, command } = await ownWorkspace(
      'echo by name >/dev/stderr; ln -s /etc/passwd own; mv own ../logs/stderr || echo "no"; rm -f ../logs/stdout; echo more >../logs/more; echo end',
    );
    await using _ = space;
    const logs = join(space.dir, "logs");
    mkdirSync(logs);
    chownSync(logs, 0, ID);
    chmodSync(logs, 0o1770);
    const [stdoutPath, stderrPath] = [join(logs, "stdout"), join(logs, "stderr")];
    await using child = await started({ ...command, stdoutPath, stderrPath }, "none", { credentials: CREDENTIALS });
    await child.exited;
    expect(readFileSync(stdoutPath, "utf8")).toBe("no\nend\n");
    expect(readFileSync(stderrPath, "utf8")).toContain("by name");
    expect(existsSync(join(logs, "more"))).toBe(true);
    const { uid, gid, mode } = statSync(stdoutPath);
    expect([uid, gid, mode & 0o777]).toEqual([0, ID, 0o660]);
  });

  test("is refused by name of the directory that its user may not pass", async () => {
    const { space, command, cwd, file } = await ownWorkspace("echo ran");
    await using _ = space;
    const refused = async () => {
      const failure = await failureOf(started(command, "none", { credentials: CREDENTIALS }));
      return [failure.reason, failure.metadata.path];
    };
    chmodSync(space.dir, 0o700);
    expect(await refused()).toEqual(["SPAWN_FAILED", space.dir]);
    chmodSync(space.dir, 0o711);
    chownSync(cwd, 0, 0);
    expect(await refused()).toEqual(["SPAWN_FAILED", cwd]);
    chownSync(cwd, ID, ID);
    chmodSync(file, 0o500);
    expect(await refused()).toEqual(["SPAWN_FAILED", file]);
    chmodSync(file, 0o711);
    expect(await refused()).toEqual(["SPAWN_FAILED", file]);
    expect(space.stdout()).toBe("");
  });

  test("cannot be had where a number means nobody", () => {
    expect(whyNoAccounts({ first: 700_000, last: 700_001 })).toBeUndefined();
    // Of a process in a user namespace that has root alone.
    const script = `
      const { whyNoAccounts } = await import(${JSON.stringify(join(import.meta.dirname, "../src/account-support.ts"))});
      console.log(whyNoAccounts({ first: 700_000, last: 700_001 }) ?? "usable");`;
    const args = ["--user", "--map-root-user", process.execPath, "--input-type=module", "-e", script];
    expect(execFileSync("unshare", args, { encoding: "utf8" })).toContain("uid_map");
    const without = ["--bounding-set", "-chown", "--inh-caps", "-all", process.execPath, ...args.slice(3)];
    expect(execFileSync("setpriv", without, { encoding: "utf8" })).toContain("CAP_CHOWN");
  });
});

test("whoever is not root has no accounts to give", { skip: isRoot }, () => {
  expect(whyNoAccounts({ first: 700_000, last: 700_001 })).toContain("CAP_SETUID");
});

test("a child of a process that can gain no privileges needs nothing in front of it", async () => {
  await using dir = await tempDir();
  const file = join(dir.path, "look.mjs");
  const source = JSON.stringify(join(import.meta.dirname, "../src/no-new-privileges.ts"));
  writeFileSync(file, `const { noNewPrivileges } = await import(${source}); console.log(noNewPrivileges().kind);`);
  const kind = execFileSync("setpriv", ["--no-new-privs", process.execPath, file], { encoding: "utf8" }).trim();
  expect(kind).toBe("inherited");
  expect(["setpriv", "inherited"]).toContain(noNewPrivileges().kind);
});
