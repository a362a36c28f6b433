import { readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { executable, install, plainScript } from "../src/applications.ts";
import { Device } from "../src/device.ts";
import { NODED_BUNDLE } from "../src/programs.ts";
import { canSupervise, SUPERVISORS, Supervised, type SupervisorKind } from "../src/supervisor.ts";

// Programs are started by the dozen, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

// The services of examples/, each under the supervisor that it is for.

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

/** Waits until a manager answers that is another process than `before`. @returns its pid */
async function serving(service: Supervised, before: number = 0): Promise<number> {
  return await vi.waitFor(
    async () => {
      const ran = await device.nmctl("describe");
      expect(ran.code, String(ran)).toBe(0);
      expect(service.pid).not.toBe(before);
      return service.pid;
    },
    { timeout: 30_000, interval: 100 },
  );
}

function supervised(kind: SupervisorKind): Supervised {
  const config = join(device.dir, "noded.json");
  const runtime = join(device.dir, "run");
  writeFileSync(config, JSON.stringify({ root: device.root, listen: [device.address] }));
  const places = { user: "root", state: join(device.dir, "state"), runtime, program: NODED_BUNDLE, config };
  return Supervised.start(kind, join(device.dir, "service"), { places, env: device.env });
}

describe.each(SUPERVISORS)("under $name", (kind) => {
  test.skipIf(!canSupervise(kind))("a manager that is killed is back, with what ran", async () => {
    await using service = supervised(kind);
    const first = await serving(service);
    const instance = await device.ok("start", await install(device, plainScript(device)));
    process.kill(first, "SIGKILL");
    await serving(service, first);
    await vi.waitFor(async () => expect(await device.stateOf(instance)).toBe("RUNNING"), { timeout: 30_000 });
  });

  test.skipIf(!canSupervise(kind))(
    "a manager that ends after its link was moved is started through the link",
    async () => {
      await using service = supervised(kind);
      const first = await serving(service);
      const started = join(device.dir, "started");
      const script = `#!/bin/sh\necho "$0" >> ${started}\nexec ${NODED_BUNDLE} run --config ${device.dir}/noded.json "$@"\n`;
      // As the manager does it: beside its place, then renamed.
      symlinkSync(executable(device, "noded.sh", script), join(device.dir, "new"));
      renameSync(join(device.dir, "new"), join(device.dir, "state/current"));
      process.kill(first, "SIGTERM");
      await serving(service, first);
      expect(readFileSync(started, "utf8")).toBe(`${device.dir}/state/current\n`);
    },
  );
});

const s6 = SUPERVISORS.filter(({ name }) => name === "s6");

test.skipIf(!s6.every(canSupervise)).each(s6)("$name knows when the manager serves", async (kind) => {
  await using service = supervised(kind);
  await vi.waitFor(() => service.control("s6-svwait", "-U", "-t", "20000", service.dir), { timeout: 30_000 });
  expect((await device.nmctl("describe")).code).toBe(0);
});
