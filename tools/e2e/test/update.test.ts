import { readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { executable, publish } from "../src/applications.ts";
import { Device } from "../src/device.ts";
import { leftoversIn, treeOf } from "../src/tree.ts";

// Programs are started by the dozen, on machines that may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

let device: Device;

beforeEach(async () => {
  device = await Device.start({ args: ["--keep-versions", "2"] });
});

afterEach(async () => {
  try {
    expect(leftoversIn(device.root)).toEqual([]);
    expect((await device.noded.end()).code).toBe(0);
    expect(device.leftRunning()).toEqual([]);
  } finally {
    await device[Symbol.asyncDispose]();
  }
});

/** Says which version it is, adds a line to a file for each run and each orderly end. */
function steady(version: string): string {
  return `#!/bin/sh
echo "$GREETING from ${version}: $*"
echo "run ${version}" >> runs
trap 'echo "ended ${version}" >> runs; exit 0' TERM
sleep 600 & wait
`;
}

interface Version {
  readonly text?: string;
  readonly title?: string;
  readonly options?: readonly string[];
}

async function publishVersion(version: string, o: Version = {}): Promise<string> {
  const { text = steady(version), title = "app", options = [] } = o;
  const application = { file: executable(device, `${title}-${version}`, text), readiness: "none:50ms" };
  return await publish(device, application, { version, title, options: ["--soak", "100ms", ...options] });
}

async function installVersion(
  version: string,
  o: Version & { readonly args?: readonly string[] } = {},
): Promise<string> {
  const origin = await publishVersion(version, o);
  return await device.ok("install", origin.replace(/@.*$/, ""), ...(o.args ?? []));
}

async function versionOf(name: string): Promise<string> {
  const { object } = await device.object(name);
  return object?.$case === "installation" || object?.$case === "instance" ? object.value.version : "";
}

async function runsOf(instance: string): Promise<string[]> {
  const { object } = await device.object(instance);
  const root = object?.$case === "instance" ? object.value.rootDir : "";
  return readFileSync(join(root, "runs"), "utf8").trim().split("\n");
}

test("D14 (7, 8): an update moves the installation, and what runs or ran of it keeps its version", async () => {
  const installation = await installVersion("1.0.0", { args: ["--env", "GREETING=hello", "--arg", "mine"] });
  const running = await device.ok("start", installation);
  const suspended = await device.ok("start", installation);
  await device.ok("suspend", suspended);
  expect(await device.nmctl("update", installation)).toMatchObject({ code: 4, reason: "UPDATE_NOT_AVAILABLE" });

  await publishVersion("2.0.0");
  const pid = await device.pidOf(running);
  expect(await device.ok("update", installation)).toBe(installation);
  expect(await versionOf(installation)).toBe("2.0.0");
  expect((await device.object(installation)).object).toMatchObject({ value: { previousVersion: "1.0.0" } });
  expect(await versionOf(running)).toBe("1.0.0");
  expect(await device.pidOf(running)).toBe(pid);
  await device.ok("resume", suspended);
  expect(await versionOf(suspended)).toBe("1.0.0");
  expect(await runsOf(suspended)).toEqual(["run 1.0.0", "ended 1.0.0", "run 1.0.0"]);
  // What was said at installation survives.
  const fresh = await device.ok("start", installation);
  expect(await device.ok("logs", fresh)).toBe("hello from 2.0.0: mine");
});

test("D14 (9, 10, 12): an instance is updated and reverted while it is suspended, and its workspace stays", async () => {
  const installation = await installVersion("1.0.0");
  const instance = await device.ok("start", installation);
  await publishVersion("2.0.0");
  await device.ok("update", installation);

  expect(await device.nmctl("update", instance)).toMatchObject({ code: 1, reason: "INSTANCE_RUNNING" });
  await device.ok("suspend", instance);
  await device.ok("update", instance);
  expect(await device.stateOf(instance)).toBe("SUSPENDED");
  expect(await versionOf(instance)).toBe("2.0.0");
  await device.ok("resume", instance);
  expect(await runsOf(instance)).toEqual(["run 1.0.0", "ended 1.0.0", "run 2.0.0"]);
  expect(await device.nmctl("update", instance)).toMatchObject({ code: 4, reason: "UPDATE_NOT_AVAILABLE" });

  expect(await device.nmctl("revert", instance)).toMatchObject({ code: 1, reason: "INSTANCE_RUNNING" });
  await device.ok("suspend", instance);
  await device.ok("revert", instance);
  expect(await versionOf(instance)).toBe("1.0.0");
  await device.ok("resume", instance);
  expect((await runsOf(instance)).slice(-2)).toEqual(["ended 2.0.0", "run 1.0.0"]);
  await device.ok("suspend", instance);
  expect(await device.nmctl("revert", instance)).toMatchObject({ code: 4, reason: "NO_PREVIOUS_VERSION" });
});

test("D14 (11, 13): what starts after an update is new, and after a revert is old again", async () => {
  const installation = await installVersion("1.0.0");
  await publishVersion("2.0.0");
  await device.ok("update", installation);
  expect(await versionOf(await device.ok("start", installation))).toBe("2.0.0");
  await device.ok("revert", installation);
  expect(await versionOf(installation)).toBe("1.0.0");
  expect(await versionOf(await device.ok("start", installation))).toBe("1.0.0");
  expect(await device.nmctl("revert", installation)).toMatchObject({ code: 4, reason: "NO_PREVIOUS_VERSION" });
  const batch = await device.nmctl("revert", "apps/app");
  expect(batch.code).toBe(0);
  expect(batch.stderr).toContain("nothing to go back to");
  // Again, from what is here: nothing is fetched.
  rmSync(join(device.dir, "repo", "binaries"), { recursive: true, force: true });
  await device.ok("update", installation);
  expect(await versionOf(installation)).toBe("2.0.0");
});

test("D14 (14): what is uninstalled is not updated, reverted or started", async () => {
  const installation = await installVersion("1.0.0");
  const instance = await device.ok("start", installation);
  await publishVersion("2.0.0");
  await device.ok("uninstall", installation);
  const before = treeOf(device.root);
  for (const command of [
    ["update", installation],
    ["revert", installation],
    ["update-to", installation, `file:${device.dir}/repo/app`],
    ["start", installation],
    ["update", instance],
    ["revert", instance],
    ["diff", installation],
  ]) {
    expect(await device.nmctl(...command), command.join(" ")).toMatchObject({
      code: 1,
      reason: "INSTALLATION_UNINSTALLED",
    });
  }
  expect(treeOf(device.root)).toEqual(before);
});

test("D14 (16): tidy removes what was over long enough ago, and nothing that is in use", async () => {
  const installation = await installVersion("1.0.0");
  const pinned = await device.ok("start", installation);
  for (const version of ["2.0.0", "3.0.0", "4.0.0"]) {
    await publishVersion(version);
    await device.ok("update", installation);
  }
  // Two are kept, and what an instance is on.
  expect(versionDirs()).toHaveLength(3);
  await device.ok("stop", await device.ok("start", installation));
  await device.ok("uninstall", await installVersion("1.0.0", { title: "gone", text: steady("gone") }));
  expect(await device.ok("tidy", "--older-than", "1h")).toBe("");
  expect(versionDirs()).toHaveLength(3);

  const before = treeOf(device.root);
  const told = await device.ok("tidy", "--dry-run");
  expect(treeOf(device.root)).toEqual(before);
  const done = await device.nmctl("-o", "json", "tidy");
  const { removed, freed_bytes: freed } = JSON.parse(done.stdout);
  expect(removed).toEqual(told.split("\n"));
  expect(removed).toHaveLength(3);
  expect(removed.join()).toMatch(/uninstalled apps\/gone.*stopped apps\/app.*unused binary/);
  expect(Number(freed)).toBeGreaterThan(steady("1.0.0").length);
  expect(await device.ok("tidy")).toBe("");
  expect(await device.stateOf(pinned)).toBe("RUNNING");
  expect(await versionOf(pinned)).toBe("1.0.0");
});

function versionDirs(): string[] {
  return treeOf(device.root).filter((line) => /\/\d{4}-\w+\/ /.test(line) && !line.includes("uninstalled-"));
}

describe("update --restart", () => {
  test("moves a running instance, and an installation with all that runs of it", async () => {
    const installation = await installVersion("1.0.0");
    const instances = [await device.ok("start", installation), await device.ok("start", installation)];
    const suspended = await device.ok("start", installation);
    await device.ok("suspend", suspended);
    await publishVersion("2.0.0");
    await device.ok("update", "--restart", "apps/app");
    for (const instance of instances) {
      expect(await device.stateOf(instance)).toBe("RUNNING");
      expect(await runsOf(instance)).toEqual(["run 1.0.0", "ended 1.0.0", "run 2.0.0"]);
    }
    expect(await versionOf(suspended)).toBe("1.0.0");
    expect(await device.stateOf(suspended)).toBe("SUSPENDED");
    await device.ok("revert", "--restart", installation);
    expect((await runsOf(instances[0] ?? "")).at(-1)).toBe("run 1.0.0");
    await device.ok("update", installation);
    await device.ok("update", "--restart", instances[0] ?? "");
    expect((await runsOf(instances[0] ?? "")).at(-1)).toBe("run 2.0.0");
    await device.ok("revert", "--restart", instances[0] ?? "");
    expect((await runsOf(instances[0] ?? "")).at(-1)).toBe("run 1.0.0");
  });

  test.each([
    ["does not become ready", "#!/bin/sh\necho 'no such table' >&2; exit 3\n"],
    ["dies within its soak time", "#!/bin/sh\nsleep 0.1; echo 'no such table' >&2; exit 3\n"],
  ])("of a version that %s ends on the old one, and says so", async (_, text) => {
    const installation = await installVersion("1.0.0");
    const first = await device.ok("start", installation);
    const second = await device.ok("start", installation);
    await publishVersion("2.0.0", { text, options: ["--soak", "10s"] });
    const failed = await device.nmctl("update", "--restart", installation);
    expect(failed).toMatchObject({ code: 1, reason: "UPDATE_FAILED" });
    expect(failed.stderr).toContain("no such table");
    expect(failed.stderr).toContain("version 1.0.0 runs again");
    expect(await versionOf(installation)).toBe("1.0.0");
    for (const instance of [first, second]) {
      expect(await device.stateOf(instance)).toBe("RUNNING");
      expect(await versionOf(instance)).toBe("1.0.0");
    }
    // The next one is better.
    await publishVersion("3.0.0");
    await device.ok("update", "--restart", installation);
    expect((await runsOf(first)).at(-1)).toBe("run 3.0.0");
  });
});

describe("what an update would change", () => {
  test("is told by diff and --dry-run, and nothing is fetched or changed", async () => {
    const installation = await installVersion("1.0.0", { options: ["--env", "LEVEL=1"] });
    await publishVersion("2.0.0", { options: ["--env", "LEVEL=2", "--publisher", "me"] });
    await publishVersion("3.0.0");
    const before = treeOf(device.root);
    const diff = await device.nmctl("diff", installation, "2.0.0");
    expect(diff.code).toBe(0);
    expect(diff.stdout).toMatch(/^version +1\.0\.0 +2\.0\.0$/m);
    expect(diff.stdout).toMatch(/^env\.LEVEL +1 +2$/m);
    expect(diff.stderr).toContain("bytes to fetch");
    const event = JSON.parse(await device.ok("-o", "json", "update", "--dry-run", installation));
    expect(event.outcome.changes).toContainEqual({ field: "version", from: "1.0.0", to: "3.0.0" });
    expect(event.outcome.changes.map(({ field }: { field: string }) => field)).toContain("binary.sha256");
    expect(treeOf(device.root)).toEqual(before);
    expect((await device.nmctl("diff", installation, "1.0.0")).stderr).toContain("up to date");
    expect(await device.nmctl("diff", installation, "9.0.0")).toMatchObject({ code: 4, reason: "VERSION_NOT_FOUND" });
  });

  test("an origin that is pinned to a version stays so unless another one is named", async () => {
    const installation = await device.ok("install", await publishVersion("1.0.0"));
    await publishVersion("2.0.0");
    const refused = await device.nmctl("update", installation);
    expect(refused).toMatchObject({ code: 4, reason: "UPDATE_NOT_AVAILABLE" });
    expect(refused.stderr).toContain("pinned");
    await device.ok("update", "--version", "2.0.0", installation);
    expect((await device.object(installation)).object).toMatchObject({
      value: { version: "2.0.0", origin: expect.stringMatching(/@2\.0\.0$/) },
    });
  });
});

describe("bad input", () => {
  test("an origin that cannot be reached or offers another title leaves the old version working", async () => {
    const installation = await installVersion("1.0.0");
    const repo = join(device.dir, "repo");
    renameSync(repo, `${repo}-away`);
    const before = treeOf(device.root);
    expect(await device.nmctl("update", installation)).toMatchObject({ code: 1, reason: "REPOSITORY_UNAVAILABLE" });
    renameSync(`${repo}-away`, repo);
    await publishVersion("2.0.0", { title: "other", options: ["--name", "app"] });
    expect(await device.nmctl("update", installation)).toMatchObject({ code: 1, reason: "TITLE_MISMATCH" });
    const other = `file:${repo}/app@2.0.0`;
    expect(await device.nmctl("update-to", installation, other)).toMatchObject({ code: 1, reason: "TITLE_MISMATCH" });
    expect(await device.nmctl("update-to", installation, "nonsense")).toMatchObject({
      code: 2,
      reason: "INVALID_ORIGIN",
    });
    expect(treeOf(device.root)).toEqual(before);
    await device.ok("start", installation);
  });

  test("a corrupt previous is that, and nothing has changed", async () => {
    const installation = await installVersion("1.0.0");
    await publishVersion("2.0.0");
    await device.ok("update", installation);
    const app = readdirSync(device.root).find((name) => name.startsWith("app-")) ?? "";
    const [, id = ""] = installation.match(/([^/]+)$/) ?? [];
    const dir = join(device.root, app, `installation-${id}`);
    const version =
      readdirSync(dir)
        .filter((name) => /^\d{4}-/.test(name))
        .sort()
        .at(-1) ?? "";
    rmSync(join(dir, version, "previous"));
    symlinkSync("../../../etc", join(dir, version, "previous"));
    const before = treeOf(device.root);
    const refused = await device.nmctl("-o", "json", "revert", installation);
    expect(refused).toMatchObject({ code: 1, reason: "STORE_CORRUPT" });
    expect(treeOf(device.root)).toEqual(before);
    expect(await versionOf(await device.ok("start", installation))).toBe("2.0.0");
  });
});
