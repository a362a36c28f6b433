import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { executable, install, plainScript, publish } from "../src/applications.ts";
import { Device, stateName } from "../src/device.ts";
import { LongRunning } from "../src/long-running.ts";
import { NMCTL } from "../src/programs.ts";

// Programs are started by the dozen, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let device: Device;

beforeAll(async () => {
  device = await Device.start();
});

afterAll(async () => {
  try {
    expect((await device.noded.end()).code).toBe(0);
    expect(device.leftRunning()).toEqual([]);
  } finally {
    await device[Symbol.asyncDispose]();
  }
});

describe("one command for many objects", () => {
  let origin: string;
  let installations: string[];

  beforeAll(async () => {
    origin = await publish(device, plainScript(device), { title: "many" });
    installations = [await device.ok("install", origin), await device.ok("install", origin)];
  });

  test("start of an application starts one instance in each of its installations", async () => {
    const instances = (await device.ok("start", "apps/many")).split("\n");
    expect(instances.map((name) => name.split("/").slice(0, 3).join("/")).sort()).toEqual([...installations].sort());
    expect(device.processes().map(({ instance }) => instance)).toEqual(expect.arrayContaining(instances));
  });

  test("a glob means what it matches, a partial name everything below", async () => {
    const [first = "", second = ""] = installations;
    const third = await device.ok("start", first);
    await device.ok("suspend", `${first}/*`);
    expect(await statesBelow(first)).toEqual(["SUSPENDED", "SUSPENDED"]);
    expect(await statesBelow(second)).toEqual(["RUNNING"]);
    // Of a partial name, an operation takes what it applies to, and nothing is not a failure.
    expect((await device.ok("resume", "apps")).split("\n")).toHaveLength(2);
    expect(await device.ok("resume", "apps")).toBe("");
    expect(await statesBelow("apps/many/*")).toEqual(["RUNNING", "RUNNING", "RUNNING"]);
    await device.ok("suspend", "apps/**");
    expect(device.processes()).toEqual([]);
    await device.ok("resume", third);
    expect((await device.ok("stop", "apps/many")).split("\n")).toHaveLength(3);
    expect(device.processes()).toEqual([]);
    expect(await device.ok("-o", "name", "ls", "apps/*/*/*")).toBe("");
  });

  test("a batch that fails for some says for which, and why", async () => {
    const fails = executable(device, "fails.sh", "#!/bin/sh\necho no good >&2; exit 3\n");
    const bad = await install(device, { file: fails, readiness: "none:1s" }, { title: "bad" });
    const ran = await device.nmctl("-o", "json", "start", "apps");
    expect(ran.code).toBe(3);
    const results = ran.stdout
      .trim()
      .split("\n")
      .map((line): { name: string; error?: unknown } => JSON.parse(line));
    expect(
      results
        .filter(({ error }) => !error)
        .map(({ name }) => name)
        .sort(),
    ).toEqual([...installations].sort());
    expect(results.filter(({ error }) => error).map(({ name }) => name)).toEqual([bad]);
    expect(ran.reason).toBe("CHILD_EXITED");
    expect(ran.stderr).toContain("no good");
    await device.ok("uninstall", bad);
    await device.ok("stop", "apps");
  });

  test("of twenty callers one resumes an instance, and nineteen learn why not", async () => {
    const [installation = ""] = installations;
    const instance = await device.ok("start", installation);
    await device.ok("suspend", instance);
    const calls = await Promise.all(Array.from({ length: 20 }, () => device.nmctl("-o", "json", "resume", instance)));
    expect(calls.filter(({ code }) => code === 0)).toHaveLength(1);
    for (const lost of calls.filter(({ code }) => code !== 0)) {
      expect(["INSTANCE_RUNNING", "OPERATION_IN_PROGRESS"]).toContain(lost.reason);
    }
    expect(device.processes().filter((process) => process.instance === instance)).toHaveLength(2);
    await device.ok("stop", instance);
  });

  test("a request id has its effect once", async () => {
    const [installation = ""] = installations;
    const first = await device.ok("start", installation, "--request-id", "one");
    expect(await device.ok("start", installation, "--request-id", "one")).toBe(first);
    expect(await statesBelow(installation)).toEqual(["RUNNING"]);
    expect(await device.ok("install", origin, "--request-id", "two")).toBe(
      await device.ok("install", origin, "--request-id", "two"),
    );
    expect((await device.ok("-o", "name", "ls", "apps/many/*")).split("\n")).toHaveLength(3);
    await device.ok("uninstall", "apps");
  });
});

test("logs -f shows what is written, and ends with the instance", async () => {
  const text =
    "#!/bin/sh\necho first; echo problem >&2\nwhile [ ! -e go ]; do sleep 0.02; done\necho second; sleep 600 & wait\n";
  const talks = { file: executable(device, "talks.sh", text), readiness: "none:50ms" };
  const installation = await install(device, talks, { title: "talks" });
  const instance = await device.ok("start", installation);
  const following = device.nmctlInBackground("logs", "-f", instance);
  await vi.waitFor(() => expect(following.text.split("\n").sort()).toEqual(["", "first", "problem"]), 20_000);
  const { object } = await device.object(instance);
  if (object?.$case !== "instance") {
    throw new Error("not an instance");
  }
  writeFileSync(join(object.value.rootDir, "go"), "");
  await vi.waitFor(() => expect(following.text).toContain("second\n"), 20_000);
  expect(await device.ok("logs", "-n", "1", "--stream", "stdout", instance)).toBe("second");
  await device.ok("suspend", instance);
  expect((await following.ended).code).toBe(0);
  await device.ok("uninstall", installation);
});

test("watch shows what is there, then every change, and a kill from outside is one", async () => {
  const installation = await install(device, plainScript(device), { title: "watched" });
  const instance = await device.ok("start", installation);
  const watching = device.nmctlInBackground("-o", "json", "watch", "apps/watched/**");
  await vi.waitFor(() => expect(watching.text).toContain('"OBJECT_STATE_RUNNING"'), 20_000);
  process.kill(await device.pidOf(instance), "SIGKILL");
  await vi.waitFor(() => expect(watching.text).toContain('"OBJECT_STATE_SUSPENDED"'), 20_000);
  const { object } = await device.object(instance);
  expect(object).toMatchObject({ $case: "instance", value: { suspension: { by: "exit" } } });
  expect(object).toMatchObject({ value: { lastExit: { how: { $case: "signal", value: "SIGKILL" } } } });
  expect(device.processes()).toEqual([]);
  await device.ok("resume", instance);
  await device.ok("uninstall", installation);
  await vi.waitFor(() => expect(watching.text).toMatch(/removed/i), 20_000);
  watching.end();
  expect((await watching.ended).code).toBe(130);
});

test("a repository that nmctl serves", async () => {
  const args = ["repository", "serve", `${device.dir}/served`, "--listen", "127.0.0.1:0", "--ready-fd", "3"];
  const { program, said } = await LongRunning.start(NMCTL, args, { env: device.env, cwd: device.dir });
  await using repository = program;
  expect(said).toMatch(/^grpc:127\.0\.0\.1:\d+$/);
  const origin = await publish(device, plainScript(device), { title: "served", to: said });
  expect(origin).toBe(`${said}/served@1.0.0`);
  const installation = await device.ok("install", `${said}/served`);
  expect((await device.object(installation)).object).toMatchObject({ value: { version: "1.0.0" } });
  expect((await device.nmctl("-o", "json", "repository", "ls", said)).stdout).toContain('"1.0.0"');
  // Published again, it is the same; something else under the same version is refused.
  expect(await publish(device, plainScript(device), { title: "served", to: said })).toBe(origin);
  const other = { file: executable(device, "other.sh", "#!/bin/sh\n"), readiness: "none" };
  await expect(publish(device, other, { title: "served", to: said })).rejects.toThrow("ALREADY_EXISTS");
  await device.ok("uninstall", installation);
  expect((await repository.end()).code).toBe(0);
});

async function statesBelow(name: string): Promise<string[]> {
  const objects = await device.status(`${name}/*`);
  return objects.map(({ state }) => stateName(state));
}
