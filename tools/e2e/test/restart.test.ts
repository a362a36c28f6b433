import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { install, orderly, plainScript } from "../src/applications.ts";
import { Device, type DeviceOptions, stateName } from "../src/device.ts";
import { leftoversIn } from "../src/tree.ts";

// Programs are started by the dozen, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** A device with an application of three instances: one runs, one is suspended, one died by itself. */
async function withInstances(options: DeviceOptions): Promise<{ device: Device; names: [string, string, string] }> {
  const device = await Device.start(options);
  onTestFinished(async () => {
    await device[Symbol.asyncDispose]();
  });
  const installation = await install(device, plainScript(device));
  const names: [string, string, string] = [
    await device.ok("start", installation),
    await device.ok("start", installation),
    await device.ok("start", installation),
  ];
  await device.ok("suspend", names[1]);
  process.kill(await device.pidOf(names[2]), "SIGKILL");
  await expect.poll(() => device.stateOf(names[2]), { timeout: 20_000 }).toBe("SUSPENDED");
  return { device, names };
}

async function settled(device: Device): Promise<readonly string[]> {
  await device.noded.says("stderr", '"recovered"');
  const objects = await device.status("apps/*/*/*");
  return objects.map(({ name, state }) => `${name} ${stateName(state)}`).sort();
}

describe("with the shutdown policy suspend", () => {
  test.each(["SIGTERM", "SIGINT", "shutdown"])("%s and a new start bring back just what was wanted", async (how) => {
    const { device, names } = await withInstances({});
    const before = await settled(device);
    const pid = await device.pidOf(names[0]);
    if (how === "shutdown") {
      await device.ok("shutdown");
      await device.noded.ended;
    } else {
      expect((await device.noded.end(how === "SIGTERM" ? "SIGTERM" : "SIGINT")).code).toBe(0);
    }
    expect(device.leftRunning()).toEqual([]);
    await device.startNoded();
    expect(await settled(device)).toEqual(before);
    expect(await device.pidOf(names[0])).not.toBe(pid);
    await device.ok("uninstall", "apps");
    await device.noded.end();
    expect(device.leftRunning()).toEqual([]);
    expect(leftoversIn(device.root)).toEqual([]);
  });

  test("SIGKILL and a new start do, too, and the process of before is ended first", async () => {
    const { device, names } = await withInstances({});
    const before = await settled(device);
    const pid = await device.pidOf(names[0]);
    await device.noded.end("SIGKILL");
    expect(device.processes().map((process) => process.pid)).toContain(pid);
    await device.startNoded();
    expect(await settled(device)).toEqual(before);
    expect(device.processes().map((process) => process.pid)).not.toContain(pid);
    expect(device.processes().map(({ pid }) => pid)).toContain(await device.pidOf(names[0]));
    await device.ok("uninstall", "apps");
    await device.noded.end();
    expect(device.leftRunning()).toEqual([]);
  });
});

describe("with the shutdown policy leave", () => {
  test.each(["SIGTERM", "SIGKILL"] as const)("instances go on over %s, and are found again", async (signal) => {
    const { device, names } = await withInstances({ args: ["--shutdown-policy", "leave"] });
    const before = await settled(device);
    const pid = await device.pidOf(names[0]);
    const processes = device.processes();
    await device.noded.end(signal);
    expect(device.processes()).toEqual(processes);
    await device.startNoded();
    expect(await settled(device)).toEqual(before);
    expect(await device.pidOf(names[0])).toBe(pid);
    expect(device.processes()).toEqual(processes);

    // One that was found again is watched, and ended, like any other.
    await device.ok("suspend", names[0]);
    expect(device.processes()).toEqual([]);
    await device.ok("resume", names[0]);
    await device.noded.end(signal);
    await device.startNoded();
    // All of it: what a descendant still holds open is looked at in longer intervals.
    process.kill(-(await device.pidOf(names[0])), "SIGKILL");
    await expect.poll(() => device.stateOf(names[0]), { timeout: 20_000 }).toBe("SUSPENDED");
    await device.ok("uninstall", "apps");
    await device.noded.end();
    expect(device.leftRunning()).toEqual([]);
  });

  test("an application with an app cycle service is stopped in order by the next manager", async () => {
    const device = await Device.start({ args: ["--shutdown-policy", "leave"] });
    onTestFinished(async () => {
      await device[Symbol.asyncDispose]();
    });
    const installation = await install(device, orderly(device), { title: "orderly" });
    const instance = await device.ok("start", installation);
    const pid = await device.pidOf(instance);
    await device.noded.end();
    await device.startNoded();
    expect(await device.pidOf(instance)).toBe(pid);
    const { object } = await device.object(instance);
    const rootDir = object?.$case === "instance" ? object.value.rootDir : "";
    const stoppedDir = dirname(rootDir.replace("/instance-", "/stopped-instance-"));
    await device.ok("stop", instance);
    expect(readFileSync(join(stoppedDir, "logs/stdout"), "utf8")).toContain("everything is put away");
    await device.noded.end();
    expect(device.leftRunning()).toEqual([]);
  });
});

test("a second SIGTERM ends the manager at once, and the next one brings things in order", async () => {
  const device = await Device.start();
  onTestFinished(async () => {
    await device[Symbol.asyncDispose]();
  });
  const installation = await install(device, orderly(device), { title: "orderly" });
  const instance = await device.ok("start", installation);
  device.noded.signal("SIGTERM");
  await device.noded.says("stderr", "shutting down");
  const { code } = await device.noded.end("SIGTERM");
  expect(code).toBe(1);
  await device.startNoded();
  expect(await settled(device)).toEqual([`${instance} RUNNING`]);
  await device.ok("uninstall", "apps", "--deadline", "0s");
  await device.noded.end();
  expect(device.leftRunning()).toEqual([]);
});

test("a call that comes while the manager shuts down is refused, and what was asked before is finished", async () => {
  const device = await Device.start();
  onTestFinished(async () => {
    await device[Symbol.asyncDispose]();
  });
  const installation = await install(device, orderly(device), { title: "orderly" });
  const instance = await device.ok("start", installation);
  const stopping = device.nmctl("stop", instance);
  await expect.poll(() => device.stateOf(instance), { timeout: 20_000 }).toBe("STOPPING");
  device.noded.signal("SIGTERM");
  await device.noded.says("stderr", "shutting down");
  expect((await device.nmctl("start", installation)).reason).toMatch(/^(SHUTTING_DOWN|NODE_UNAVAILABLE)$/);
  expect((await stopping).code).toBe(0);
  expect((await device.noded.ended).code).toBe(0);
  expect(device.leftRunning()).toEqual([]);
});
