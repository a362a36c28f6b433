import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { type TempDir, tempDir } from "@nodemanager/testing";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { install, plainScript } from "../src/applications.ts";
import { Device } from "../src/device.ts";
import { LongRunning } from "../src/long-running.ts";
import { BUF, NMCTL_BUNDLE, NODED_BUNDLE } from "../src/programs.ts";
import { run } from "../src/ran.ts";

// Programs are started by the dozen, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

// noded and nmctl as one executable script each, in a directory with nothing else in it.

let scripts: TempDir;
let device: Device;

beforeAll(async () => {
  scripts = await tempDir();
  const programs = { noded: join(scripts.path, "noded"), nmctl: join(scripts.path, "nmctl") };
  copyFileSync(NODED_BUNDLE, programs.noded);
  copyFileSync(NMCTL_BUNDLE, programs.nmctl);
  device = await Device.start({ programs });
});

afterAll(async () => {
  try {
    expect((await device.noded.end()).code).toBe(0);
    expect(device.leftRunning()).toEqual([]);
  } finally {
    await device[Symbol.asyncDispose]();
    await scripts[Symbol.asyncDispose]();
  }
});

test("an application is published, installed, run, looked at, stopped and uninstalled", async () => {
  const installation = await install(device, plainScript(device));
  const instance = await device.ok("start", installation);
  expect(await device.stateOf(instance)).toBe("RUNNING");
  expect(await device.ok("logs", instance)).toBe(`hello from ${instance}`);
  expect(await device.ok("-o", "yaml", "describe")).toContain("profiles:");
  await device.ok("stop", instance);
  await device.ok("uninstall", installation);
});

test("the repository that is embedded is served and published to", async () => {
  const serve = ["repository", "serve", "served", "--listen", "127.0.0.1:0", "--ready-fd", "3"];
  const { program, said } = await LongRunning.start(join(scripts.path, "nmctl"), serve, {
    env: device.env,
    cwd: device.dir,
  });
  await using _ = program;
  const { file } = plainScript(device);
  const origin = await device.ok("publish", file, "--to", said, "--title", "other", "--version", "1.0.0");
  expect(await device.ok("install", origin)).toMatch(/^apps\/other\//);
  expect((await program.end()).code).toBe(0);
});

test("health and reflection answer a client that no one here wrote", async () => {
  const curl = (...args: readonly string[]) =>
    run(
      BUF,
      ["curl", "--protocol", "grpc", "--http2-prior-knowledge", "--unix-socket", join(device.dir, "s"), ...args],
      {
        env: { ...device.env, BUF_CACHE_DIR: join(device.dir, "buf") },
        cwd: device.dir,
      },
    );
  const listed = await curl("--list-methods", "http://localhost");
  expect(listed.stdout).toContain("nodemanager.v1.ApplicationService/Install");
  const checked = await curl("-d", "{}", "http://localhost/grpc.health.v1.Health/Check");
  expect(JSON.parse(checked.stdout)).toEqual({ status: "SERVING" });
});

describe("a Node that is too old", () => {
  test.each([
    ["noded", NODED_BUNDLE],
    ["nmctl", NMCTL_BUNDLE],
  ])("is named by %s in one line", async (name, script) => {
    const older = 'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "24.10.0" } })';
    const ran = await run(process.execPath, ["--import", `data:text/javascript,${older}`, script, "version"]);
    expect(ran).toMatchObject({ code: 1, stdout: "" });
    expect(ran.stderr).toBe(`${name}: it needs Node 24.11 or newer, and ${process.execPath} is 24.10.0\n`);
  });
});
