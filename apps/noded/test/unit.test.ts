import { loadSettings } from "@nodemanager/noded/settings";
import { expect, test } from "vitest";
import { unitText } from "../src/unit.ts";

function unit(args: readonly string[]): string {
  return unitText(loadSettings({ args, env: {}, uid: 0, home: "/root" }), "/usr/bin/noded");
}

test("a unit quotes what systemd would read as something else", () => {
  const text = unit(["--root", '/srv/my "node" 100% $HOME\\']);
  expect(text).toContain('ExecStart=/usr/bin/noded run --root "/srv/my \\"node\\" 100%% $$HOME\\\\" --listen ');
});

test("instances outlive a manager that is to leave them", () => {
  expect(unit(["--shutdown-policy", "leave"])).toContain("KillMode=process\n");
  expect(unit([])).toContain("KillMode=mixed\n");
});

test("what does not get better by starting again is not started again", () => {
  expect(unit([])).toContain("RestartPreventExitStatus=64 65 78\n");
});

test("a unit says all that the settings come to, with absolute paths", () => {
  const settings = loadSettings({ args: ["--root", "data"], env: { NODED_LOG_LEVEL: "warn" }, uid: 0, home: "/root" });
  expect(unitText(settings, "/usr/bin/noded")).toContain(
    `ExecStart=/usr/bin/noded run --root ${process.cwd()}/data --listen unix:/run/noded/noded.sock ` +
      "--shutdown-policy suspend --log-level warn --max-binary-bytes 8589934592\n",
  );
});
