import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { executable, install, plainScript, publish } from "../src/applications.ts";
import { census } from "../src/census.ts";
import { Device } from "../src/device.ts";
import { LongRunning } from "../src/long-running.ts";
import { NMCTL, NODED } from "../src/programs.ts";
import { run } from "../src/ran.ts";

// Programs are started by the dozen, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

// noded itself: its arguments, settings, exit statuses and descriptors.

let device: Device;

beforeEach(async () => {
  device = await Device.make();
});

afterEach(async () => {
  try {
    expect(device.leftRunning()).toEqual([]);
  } finally {
    await device[Symbol.asyncDispose]();
  }
});

describe("settings", () => {
  const shown = async (args: readonly string[], env: NodeJS.ProcessEnv = {}) => {
    const ran = await device.runNoded(["check-config", ...args], env);
    expect(ran.code, String(ran)).toBe(0);
    const settings: Record<string, unknown> = JSON.parse(ran.stdout);
    return settings;
  };

  test("a flag wins over the environment, that over the file, and that over the default", async () => {
    const file = join(device.dir, "noded.json");
    const keys = { maxBinaryBytes: 1, logLevel: "error", shutdownPolicy: "leave" };
    writeFileSync(file, JSON.stringify(keys));
    expect(await shown([])).toMatchObject({
      maxBinaryBytes: 8 * 1024 ** 3,
      logLevel: "info",
      shutdownPolicy: "suspend",
    });
    expect(await shown(["--config", file])).toMatchObject(keys);
    const env = { NODED_CONFIG: file, NODED_LOG_LEVEL: "warn", NODED_MAX_BINARY_BYTES: "2" };
    expect(await shown([], env)).toMatchObject({ ...keys, logLevel: "warn", maxBinaryBytes: 2 });
    const flags = ["--max-binary-bytes", "3", "--listen", "unix:/a/b", "--listen", "unix:/c/d"];
    expect(await shown(flags, env)).toMatchObject({
      ...keys,
      logLevel: "warn",
      maxBinaryBytes: 3,
      listen: ["unix:/a/b", "unix:/c/d"],
    });
    expect(await shown([], { NODED_LISTEN: "unix:/a/b,unix:/c/d" })).toMatchObject({
      listen: ["unix:/a/b", "unix:/c/d"],
    });
    expect(existsSync(device.root)).toBe(false);
  });

  test.each<[string, string, string]>([
    ["that there is not", '{"rooot":"/x"}', "rooot"],
    ["of a wrong value", '{"logLevel":"loud"}', "logLevel"],
    ["of a wrong type", '{"root":{}}', "root"],
    ["in a file that is not JSON", "{", "not JSON"],
    ["in a file that holds no object", "[]", "object"],
    ["of a socket path that is too long", JSON.stringify({ listen: `unix:/${"x".repeat(200)}` }), "listen"],
  ])("one %s ends noded with status 78, and it says which", async (_, text, named) => {
    const file = join(device.dir, "noded.json");
    writeFileSync(file, text);
    for (const command of ["check-config", "run", "unit"]) {
      const ran = await device.runNoded([command, "--config", file]);
      expect(ran.code, String(ran)).toBe(78);
      expect(ran.stderr).toContain(file);
      expect(ran.stderr).toContain(named);
    }
  });

  test("a variable with a wrong value, and files that are not there, end it with status 78", async () => {
    expect((await device.runNoded(["run"], { NODED_LOG_LEVEL: "loud" })).code).toBe(78);
    expect((await device.runNoded(["run", "--config", "/nowhere"])).code).toBe(78);
    const ran = await device.runNoded([...device.nodedArgs, "--profiles-file", "/nowhere"]);
    expect(ran.code).toBe(78);
    expect(existsSync(device.root)).toBe(false);
  });
});

describe("wrong arguments", () => {
  test.each([
    [["--fast"]],
    [["run", "--fast"]],
    [["walk"]],
    [["run", "there"]],
    [["--root"]],
    [["--root", "/a", "--root", "/b"]],
    [["--log-level", "loud"]],
    [["--listen", "nowhere"]],
    [["--max-binary-bytes", "-1"]],
    [["--ready-fd", "x"]],
    [["check-config", "--fast"]],
    [["version", "now"]],
    [["help", "me"]],
  ])("%j end it with status 64", async (args) => {
    const ran = await device.runNoded(args);
    expect(ran.code, String(ran)).toBe(64);
    expect(ran.stdout).toBe("");
    expect(ran.stderr).toMatch(/^noded: .+\n/);
  });
});

describe("what it prints", () => {
  test("version, help and a unit", async () => {
    const version = await device.runNoded(["version"]);
    expect(version).toMatchObject({ code: 0, stderr: "" });
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect((await device.runNoded(["--version"])).stdout).toBe(version.stdout);
    const help = await device.runNoded(["--help"]);
    expect(help).toMatchObject({ code: 0, stderr: "" });
    for (const word of ["--root", "--ready-fd", "NODED_SHUTDOWN_POLICY", "EXIT STATUS"]) {
      expect(help.stdout).toContain(word);
    }
    const unit = await device.runNoded(["unit", "--root", "/srv/my node", "--shutdown-policy", "leave"]);
    expect(unit).toMatchObject({ code: 0, stderr: "" });
    expect(unit.stdout).toContain(`ExecStart=${NODED} run --root "/srv/my node" --listen unix:`);
    expect(unit.stdout).toContain(" --shutdown-policy leave ");
    expect(unit.stdout).toContain("KillMode=process\n");
  });

  test("nobody who reads it is no reason to fail", async () => {
    const child = spawn("sh", ["-c", `"${NODED}" help | head -c 1 >/dev/null; echo done`], { env: device.env });
    const stderr: string[] = [];
    child.stderr.on("data", (chunk) => stderr.push(String(chunk)));
    await once(child, "close");
    expect(stderr.join("")).toBe("");
  });

  test("a manager goes on when nobody reads its log any more", async () => {
    const child = spawn(NODED, [...device.nodedArgs, "--log-level", "debug", "--ready-fd", "3"], {
      env: device.env,
      stdio: ["ignore", "ignore", "pipe", "pipe"],
    });
    const ready = child.stdio[3];
    if (!ready || !("once" in ready)) {
      throw new Error("there is no descriptor 3");
    }
    await once(ready, "data");
    child.stderr?.destroy();
    for (let i = 0; i < 3; i++) {
      expect(await device.ok("-o", "name", "ls")).toBe("");
    }
    child.kill("SIGTERM");
    const [code] = await once(child, "exit");
    expect(code).toBe(0);
  });
});

describe("the ready descriptor", () => {
  test("gets one newline when the manager serves, and is closed", async () => {
    const { program, said } = await LongRunning.start(NODED, [...device.nodedArgs, "--ready-fd", "3"], {
      env: device.env,
    });
    expect(said).toBe("");
    expect((await device.nmctl("status", "nm")).code).toBe(0);
    const targets = readdirSync(`/proc/${program.pid}/fd`).filter((fd) => fd === "3");
    expect(
      targets.map((fd) => readlinkSync(`/proc/${program.pid}/fd/${fd}`)).filter((to) => to.startsWith("pipe")),
    ).toEqual([]);
    expect((await program.end()).code).toBe(0);
  });

  test("is not inherited by applications, nor is anything else", async () => {
    // Descriptors that whoever started the manager left open.
    const script = `exec 7</dev/zero 9>"$PWD/ready"; exec "$@"`;
    const child = spawn("sh", ["-c", script, "sh", NODED, ...device.nodedArgs, "--ready-fd", "9"], {
      env: device.env,
      cwd: device.dir,
      stdio: "ignore",
    });
    await expect.poll(() => existsSync(join(device.dir, "s")), { timeout: 20_000 }).toBe(true);
    const installation = await install(device, plainScript(device));
    const instance = await device.ok("start", installation);
    const pid = await device.pidOf(instance);
    expect(
      readdirSync(`/proc/${pid}/fd`)
        .filter((fd) => Number(fd) < 10)
        .sort(),
    ).toEqual(["0", "1", "2"]);
    await device.ok("shutdown");
    await once(child, "exit");
  });

  test("must be open", async () => {
    const ran = await device.runNoded([...device.nodedArgs, "--ready-fd", "77"]);
    expect(ran.code).toBe(78);
    expect(ran.stderr).toContain("77");
    expect(existsSync(device.root)).toBe(false);
  });
});

test.skipIf(process.getuid?.() !== 0)(
  "an ordinary user can run it, and what it runs ends with it",
  async ({ skip }) => {
    const asNobody = ["--reuid=65534", "--clear-groups", "--", NODED];
    const version = spawnSync("setpriv", [...asNobody, "version"]);
    skip(version.status !== 0, "the clone lies where no other user may read it");
    const home = join(device.dir, "home");
    mkdirSync(home);
    chmodSync(device.dir, 0o755);
    chmodSync(home, 0o700);
    chownSync(home, 65534, 65534);
    const env = { ...device.env, HOME: home, XDG_RUNTIME_DIR: home, NMCTL_NODE: `unix:${home}/noded/noded.sock` };
    const { program } = await LongRunning.start("setpriv", [...asNobody, "--ready-fd", "3"], { env, cwd: "/" });
    const nmctl = async (...args: readonly string[]) => {
      const ran = await run(NMCTL, args, { env });
      expect(ran.code, String(ran)).toBe(0);
      return ran.stdout.trim();
    };
    const root = join(home, ".local/state/noded");
    expect(JSON.parse(await nmctl("-o", "json", "status", "nm"))).toMatchObject({ root });
    // A member of the family leaves its process group and session.
    const text = "#!/bin/sh\nsetsid sleep 600 &\nsleep 600 & wait\n";
    const origin = await publish(device, { file: executable(device, "family.sh", text), readiness: "none:300ms" });
    chmodSync(join(device.dir, "repo"), 0o755);
    const instance = await nmctl("start", await nmctl("install", origin));
    expect(census(root).length).toBe(3);
    await nmctl("stop", instance);
    expect(census(root)).toEqual([]);
    expect((await program.end()).code).toBe(0);
  },
);

test("its log is JSON, a line for each record, and says what was refused", async () => {
  const noded = await device.startNoded();
  await device.nmctl("start", "apps/nowhere");
  const { stderr, stdout } = await noded.end();
  expect(stdout).toBe("");
  const records = stderr
    .trimEnd()
    .split("\n")
    .map((line): Record<string, unknown> => JSON.parse(line));
  expect(records.map(({ message }) => message)).toEqual(expect.arrayContaining(["serving", "recovered", "ended"]));
  expect(records).toContainEqual(expect.objectContaining({ reason: "APPLICATION_NOT_FOUND" }));
});
