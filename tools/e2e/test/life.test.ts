import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import {
  type Application,
  executable,
  handshakingScript,
  install,
  notifyingScript,
  orderly,
  plainScript,
  publish,
  server,
} from "../src/applications.ts";
import { Device } from "../src/device.ts";
import { PYTHON, SCRIPT } from "../src/programs.ts";
import { leftoversIn } from "../src/tree.ts";

// Programs are started by the dozen, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let device: Device;

beforeAll(async () => {
  device = await Device.start();
});

afterAll(async () => {
  try {
    expect(await device.ok("-o", "name", "ls")).toBe("");
    expect(device.processes()).toEqual([]);
    expect(leftoversIn(device.root)).toEqual([]);
    expect(readdirSync(join(device.root, "run"))).toEqual([]);
    expect((await device.noded.end()).code).toBe(0);
    expect(device.leftRunning()).toEqual([]);
    expect(existsSync(join(device.dir, "s"))).toBe(false);
  } finally {
    await device[Symbol.asyncDispose]();
  }
});

describe.each<[string, () => Promise<Application> | Application]>([
  ["none", () => plainScript(device)],
  ["fd", () => notifyingScript(device)],
  ["tcp", () => server(device, "tcp")],
  ["http", () => server(device, "http")],
  ["handshake", () => handshakingScript(device)],
])("the life of an application with readiness %s", (kind, application) => {
  const isMissing = kind === "handshake" && !existsSync(PYTHON);

  test.skipIf(isMissing)("from install to uninstall", async () => {
    const installation = await install(device, await application(), { title: `life of ${kind}` });
    expect(installation).toMatch(new RegExp(`^apps/life of ${kind}/[a-z2-7]{26}$`));
    expect(await device.stateOf(installation)).toBe("INSTALLED");

    const instance = await device.ok("start", installation);
    expect(instance.startsWith(`${installation}/`)).toBe(true);
    expect(await device.stateOf(instance)).toBe("RUNNING");
    const firstPid = await device.pidOf(instance);
    expect(device.processes().map(({ instance }) => instance)).toContain(instance);
    expect(await device.ok("logs", instance)).toBe(`hello from ${instance}`);
    const { rootDir } = await detailsOf(instance);
    expect(runsIn(rootDir)).toEqual(["run"]);

    await device.ok("suspend", instance);
    expect(await device.stateOf(instance)).toBe("SUSPENDED");
    expect(device.processes()).toEqual([]);
    expect((await detailsOf(instance)).suspension?.by).toBe("operator");
    expect(runsIn(rootDir)).toEqual(["run", "ended"]);

    await device.ok("resume", instance);
    expect(await device.stateOf(instance)).toBe("RUNNING");
    const secondPid = await device.pidOf(instance);
    expect(secondPid).not.toBe(firstPid);
    expect(runsIn(rootDir)).toEqual(["run", "ended", "run"]);

    await device.ok("restart", instance);
    expect(await device.pidOf(instance)).not.toBe(secondPid);
    expect(runsIn(rootDir)).toEqual(["run", "ended", "run", "ended", "run"]);

    await device.ok("stop", instance);
    expect(device.processes()).toEqual([]);
    expect(await device.ok("-o", "name", "ls", installation)).toBe(installation);
    expect((await device.nmctl("resume", instance)).reason).toBe("INSTANCE_NOT_FOUND");
    // What it wrote to its workspace while it ended is in the stopped instance's.
    const stopped = rootDir.replace("/instance-", "/stopped-instance-");
    expect(runsIn(stopped)).toEqual(["run", "ended", "run", "ended", "run", "ended"]);

    await device.ok("uninstall", installation);
    expect(await device.ok("-o", "name", "ls", "apps/**")).toBe("");
    expect((await device.nmctl("start", installation)).reason).toBe("INSTALLATION_UNINSTALLED");
  });
});

test.skipIf(!existsSync(SCRIPT))(
  "an application with readiness appcycle stops in order and says how far it is",
  async () => {
    const installation = await install(device, orderly(device), { title: "orderly" });
    const instance = await device.ok("start", installation);
    expect(await device.stateOf(instance)).toBe("RUNNING");
    const stop = await device.nmctlOnTerminal("stop", instance);
    expect(stop.code, String(stop)).toBe(0);
    const shown = [...stop.stdout.matchAll(/(\d) of 6/g)].map(([, done]) => Number(done));
    expect(new Set(shown).size, String(stop)).toBeGreaterThanOrEqual(4);
    expect(shown).toEqual([...shown].sort());
    await device.ok("uninstall", installation);
  },
);

test("D14 (1): install-time settings win over the envelope's, and status and debug say what is run", async () => {
  const text = '#!/bin/sh\necho "[$GREETING] [$KEPT] [$SECRET] $*"; echo "$NODED_INSTANCE $HOME" >&2\nexec sleep 600\n';
  const app = { file: executable(device, "env.sh", text), readiness: "none:50ms", args: ["from", "the envelope"] };
  const options = ["--env", "GREETING=envelope", "--env", "KEPT=yes"];
  const origin = await publish(device, app, { title: "settings", options });
  const args = ["--env", "GREETING=operator", "--arg", "and", "--arg", "the operator"];
  const installation = await device.ok("install", origin, ...args);
  const instance = await device.ok("start", installation);
  expect(await device.ok("logs", "--stream", "stdout", instance)).toBe(
    "[operator] [yes] [] from the envelope and the operator",
  );
  const { rootDir } = await detailsOf(instance);
  expect(await device.ok("logs", "--stream", "stderr", instance)).toBe(`${instance} ${rootDir}`);
  expect((await device.object(installation)).object).toMatchObject({ value: { version: "1.0.0", origin } });
  const debug = await device.ok("debug", instance);
  expect(debug).toContain('"GREETING": "operator"');
  expect(debug).toContain('"the operator"');
  expect(await device.ok("debug", installation)).toContain(origin);
  await device.ok("uninstall", installation);
});

test("D14 (6), D15: the end of one instance from outside is noticed, and the other one goes on", async () => {
  const installation = await install(device, plainScript(device), { title: "two" });
  const first = await device.ok("start", installation);
  const second = await device.ok("start", installation);
  const pid = await device.pidOf(second);
  process.kill(await device.pidOf(first), "SIGKILL");
  await expect.poll(() => device.stateOf(first), { timeout: 20_000 }).toBe("SUSPENDED");
  expect(await detailsOf(first)).toMatchObject({ suspension: { by: "exit" } });
  expect(await device.pidOf(second)).toBe(pid);
  expect(new Set(device.processes().map(({ instance }) => instance))).toEqual(new Set([second]));
  await device.ok("uninstall", installation);
});

test("D14 (15): an application that ignores being asked is killed at the deadline, with all its processes", async () => {
  const text =
    "#!/bin/sh\ntrap '' TERM INT HUP\n(trap '' TERM; while :; do sleep 1; done) &\nwhile :; do sleep 1; done\n";
  const file = executable(device, "deaf.sh", text);
  const installation = await install(device, { file, readiness: "none:50ms" }, { title: "deaf" });
  const instance = await device.ok("start", installation);
  const pid = await device.pidOf(instance);
  const began = performance.now();
  await device.ok("stop", instance, "--deadline", "500ms");
  const tookMs = performance.now() - began;
  expect(tookMs).toBeGreaterThanOrEqual(500);
  // The deadline, the two seconds that ending may take beside it, and what a busy machine needs to run nmctl.
  expect(tookMs).toBeLessThan(5000);
  expect(existsSync(`/proc/${pid}/exe`)).toBe(false);
  expect(device.processes()).toEqual([]);
  await device.ok("uninstall", installation);
});

test("what an application starts beside itself ends with it", async () => {
  const text = `#!/bin/sh
(sleep 600 &) ; setsid sleep 600 & nohup sleep 600 >/dev/null 2>&1 &
sleep 600 & wait
`;
  const file = executable(device, "family.sh", text);
  const installation = await install(device, { file, readiness: "none:300ms" }, { title: "family" });
  const instance = await device.ok("start", installation);
  expect(device.processes().length).toBe(5);
  await device.ok("suspend", instance);
  expect(device.processes()).toEqual([]);
  await device.ok("uninstall", installation);
});

async function detailsOf(instance: string) {
  const { object } = await device.object(instance);
  if (object?.$case !== "instance") {
    throw new Error(`${instance} is no instance`);
  }
  return object.value;
}

function runsIn(dir: string): readonly string[] {
  return readFileSync(join(dir, "runs"), "utf8").trim().split("\n");
}
