import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadSettings } from "@nodemanager/noded/settings";
import { runCommand, type UnitOptions, unitText } from "@nodemanager/noded/unit";
import { tempDir } from "@nodemanager/testing";
import { describe, expect, test } from "vitest";

const SYSTEMD_ANALYZE = "/usr/bin/systemd-analyze";
const PROGRAM = "/usr/bin/noded";

function unit(args: readonly string[], o: Partial<UnitOptions> & { program?: string } = {}): string {
  const settings = loadSettings({ args, env: {}, uid: 0, home: "/root" });
  const command = runCommand(settings, o.program ?? PROGRAM);
  return unitText(settings, { command, runsAs: { kind: "root" }, notifies: "itself", ...o });
}

test("a unit quotes what systemd would read as something else", () => {
  const text = unit(["--root", '/srv/my "node" 100% $HOME\\']);
  expect(text).toContain('ExecStart=/usr/bin/noded run --root "/srv/my \\"node\\" 100%% $$HOME\\\\" --listen ');
});

test("a unit says all that the settings come to, with absolute paths", () => {
  const settings = loadSettings({ args: ["--root", "data"], env: { NODED_LOG_LEVEL: "warn" }, uid: 0, home: "/root" });
  expect(runCommand(settings, PROGRAM).join(" ")).toBe(
    `/usr/bin/noded run --root ${process.cwd()}/data --listen unix:/run/noded/noded.sock ` +
      "--shutdown-policy suspend --log-level warn --max-binary-bytes 8589934592",
  );
});

test("instances are left to the manager, and those that outlive it keep the temporary files that they know", () => {
  const leaving = unit(["--shutdown-policy", "leave"]);
  expect(leaving).not.toContain("PrivateTmp");
  expect(unit([])).toContain("PrivateTmp=yes\n");
  for (const text of [leaving, unit([])]) {
    expect(text).toContain("KillMode=process\n");
  }
});

test("what does not get better by starting again is not started again, unless an older version takes over", () => {
  expect(unit([])).toContain("RestartPreventExitStatus=64 65 78\n");
  expect(unit([])).toContain("Restart=on-failure\n");
  const updating = unit(["--current-link", "/var/lib/noded-current"]);
  expect(updating).not.toContain("RestartPreventExitStatus");
  // Also a version that ends as if it had been asked to must be started until it is given up.
  expect(updating).toContain("Restart=always\n");
});

test("a manager that cannot speak to systemd itself lets a child do it", () => {
  expect(unit([])).toContain("NotifyAccess=main\n");
  expect(unit([], { notifies: "through a child" })).toContain("NotifyAccess=all\n");
});

describe("what a unit takes from the manager", () => {
  test("is everything that a user of its own can go without, and not what root needs to run others as users", () => {
    const text = unit([], { runsAs: { kind: "user", user: "noded" } });
    expect(text).toContain("User=noded\n");
    expect(text).toContain("StateDirectoryMode=0700\n");
    expect(text).toContain("NoNewPrivileges=yes\nCapabilityBoundingSet=\n");
    expect(unit([])).not.toMatch(/^CapabilityBoundingSet=.*CAP_(?:SETUID|SETGID|CHOWN|KILL)/m);
    expect(unit([])).not.toContain("MemoryDenyWriteExecute");
  });

  test("is the whole file system, when systemd makes the directories that it writes to", () => {
    const text = unit(["--root", "/var/lib/noded/root", "--current-link", "/var/lib/noded/current"]);
    // Users of their own have to get through to what is theirs.
    expect(text).toContain("StateDirectory=noded\nStateDirectoryMode=0711\n");
    expect(text).toContain("RuntimeDirectory=noded\n");
    expect(text).toContain("ProtectSystem=strict\n");
    expect(unit(["--root", "/srv/node"])).toContain("ProtectSystem=full\n");
    expect(unit(["--root", "/usr/node"])).not.toContain("ProtectSystem");
  });

  test.each(["/home/me/node", "/root/node"])("does not hide %s, which a setting or the command names", (path) => {
    expect(unit(["--root", path])).not.toContain("ProtectHome");
    expect(unit(["--profiles-file", path])).not.toContain("ProtectHome");
    expect(unit([], { program: path })).not.toContain("ProtectHome");
    expect(unit(["--root", "/srv/home"])).toContain("ProtectHome=yes\n");
  });

  test("is little in a user's own unit, which nobody else can start", () => {
    const text = unit([], { runsAs: { kind: "caller" } });
    expect(text).toContain("NoNewPrivileges=yes\n");
    expect(text).toContain("WantedBy=default.target\n");
    expect(text).not.toMatch(/Protect|StateDirectory|User=/);
  });
});

test.skipIf(!existsSync(SYSTEMD_ANALYZE)).each<[string, readonly string[], UnitOptions["runsAs"]]>([
  ["of root", [], { kind: "root" }],
  ["of a user", ["--root", "/var/lib/noded/root", "--shutdown-policy", "leave"], { kind: "user", user: "nobody" }],
  ["of a caller", ["--root", "/srv/my node"], { kind: "caller" }],
])("systemd-analyze verify accepts a unit %s", async (_, args, runsAs) => {
  await using dir = await tempDir();
  const file = join(dir.path, "nm.service");
  // It looks for the program, and for the manuals.
  const text = unit(args, { runsAs, program: process.execPath }).replace(/^Documentation=.*\n/m, "");
  writeFileSync(file, text);
  const env = { ...process.env, SYSTEMD_LOG_LEVEL: "warning" };
  const verify = (name: string) => spawnSync(SYSTEMD_ANALYZE, ["verify", name], { encoding: "utf8", env });
  expect(verify(file)).toMatchObject({ status: 0, stderr: "" });
  writeFileSync(file, text.replace("Delegate=", "Delegates="));
  expect(verify(file).stderr).toContain("Delegates");
});
