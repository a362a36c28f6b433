import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ManagerUpdate_State as State } from "@nodemanager/proto/v1";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { install, plainScript } from "../src/applications.ts";
import { BAD_MANAGERS, BAD_VERSION } from "../src/bad-managers.ts";
import { processesAt } from "../src/census.ts";
import { publishManager } from "../src/manager-versions.ts";
import { RUNSV } from "../src/programs.ts";
import { Supervised } from "../src/supervised.ts";
import { leftoversIn } from "../src/tree.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const VERSION = "1.0.0";

// One device for all: each bad candidate must leave it as the next one needs it.
describe.skipIf(!existsSync(RUNSV))("a device survives a manager that", () => {
  let nm: Supervised;
  let instance: string;
  let applicationPid: number;

  beforeAll(async () => {
    // The limits are as short as a busy machine allows.
    nm = await Supervised.start({
      version: VERSION,
      args: ["--shutdown-policy", "leave"],
      trialTimeoutMs: 10_000,
      healthyWithinMs: 6000,
    });
    instance = await nm.device.ok("start", await install(nm.device, plainScript(nm.device)));
    applicationPid = await nm.device.pidOf(instance);
  });

  afterAll(async () => {
    await nm[Symbol.asyncDispose]();
  });

  beforeEach(() => {
    rmSync(join(nm.device.dir, "repo"), { recursive: true });
  });

  async function expectAllIsWell(): Promise<void> {
    expect(await nm.until(({ healthy }) => healthy)).toMatchObject({ version: VERSION, running: 1, broken: 0 });
    expect(await nm.device.stateOf(instance)).toBe("RUNNING");
    expect(await nm.device.pidOf(instance)).toBe(applicationPid);
    expect(processesAt(join(nm.device.root, "run"))).toEqual([]);
    // A manager that has just become healthy may be removing older versions.
    await expect.poll(() => leftoversIn(nm.device.root), { timeout: 10_000 }).toEqual([]);
    await nm.device.ok("restart", instance);
    applicationPid = await nm.device.pidOf(instance);
  }

  test.each(BAD_MANAGERS.filter(({ reason }) => reason !== undefined))("$name", async ({ publish, reason, check }) => {
    const { pid } = await nm.status();
    const before = { link: nm.current, versions: versionsIn(nm.device.root), blobs: blobsIn(nm.device.root) };
    await publish(nm.device);
    const ran = await nm.device.nmctl("update", "nm");
    // What a candidate said itself may name reasons, too.
    expect(ran.stderr).toContain(`(${reason})\n`);
    if (check !== undefined) {
      expect(ran.stderr).toContain(`failed its trial (${check})`);
    }
    expect((await nm.status()).pid).toBe(pid);
    expect({ link: nm.current, versions: versionsIn(nm.device.root), blobs: blobsIn(nm.device.root) }).toEqual(before);
    await expectAllIsWell();
  });

  test.each(BAD_MANAGERS.filter(({ why }) => why !== undefined))("$name", async ({ publish, why }) => {
    await publish(nm.device);
    const ran = await nm.device.nmctl("update", "nm", "--wait");
    expect([ran.code, ran.reason]).toEqual([1, "UPDATE_FAILED"]);
    expect((await nm.status()).lastUpdate).toMatchObject({
      state: State.FELL_BACK,
      fromVersion: VERSION,
      toVersion: BAD_VERSION,
      why: expect.stringMatching(why ?? ""),
    });
    await expectAllIsWell();
  });

  test("offers a good one in the end", async () => {
    await publishManager(nm.device, { version: "7.0.0" });
    await nm.device.ok("update", "nm", "--wait");
    expect(await nm.status()).toMatchObject({ version: "7.0.0", previousVersion: VERSION, running: 1 });
    expect(await nm.device.pidOf(instance)).toBe(applicationPid);
    // What runs, what it goes back to, and the evidence of the last three that were given up.
    expect(versionsIn(nm.device.root).length).toBeLessThanOrEqual(5);
  });
});

function versionsIn(root: string): readonly string[] {
  return readdirSync(join(root, "node-manager")).filter((name) => /^\d/.test(name));
}

function blobsIn(root: string): readonly string[] {
  return readdirSync(join(root, "blobs", "sha256"));
}
