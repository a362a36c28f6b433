import { mkdirSync, readdirSync, readFileSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { executable, freePort, install, plainScript, publish } from "../src/applications.ts";
import { Device } from "../src/device.ts";
import { HostileRepository, Stranger } from "../src/hostile-repository.ts";
import { treeOf } from "../src/tree.ts";

// Programs are started by the dozen, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

// What the issue lists under "Bad input": each has its own reason and exit code, and changes nothing on disk.

let device: Device;
let installation: string;
let instance: string;
/** A second installation's id, which no installation has. */
const NO_ID = "a".repeat(26);

beforeAll(async () => {
  device = await Device.start({ args: ["--repository-stall-ms", "150"] });
  installation = await install(device, plainScript(device), { title: "good" });
  instance = await device.ok("start", installation);
  await device.ok("suspend", instance);
});

afterAll(async () => {
  try {
    await device.ok("uninstall", "apps");
    expect((await device.noded.end()).code).toBe(0);
    expect(device.leftRunning()).toEqual([]);
  } finally {
    await device[Symbol.asyncDispose]();
  }
});

/** Runs a command that must fail, and change nothing on the node's disk. */
async function refused(...args: readonly string[]): Promise<{ reason: string; code: number | null; stderr: string }> {
  const before = treeOf(device.root);
  const { reason, code, stderr } = await device.nmctl("-o", "json", ...args);
  expect(treeOf(device.root)).toEqual(before);
  expect(device.processes()).toEqual([]);
  return { reason, code, stderr };
}

describe("names", () => {
  test.each([
    ["an unknown application", ["start", "apps/nowhere"], "APPLICATION_NOT_FOUND", 4],
    ["an unknown installation", ["start", `apps/good/${NO_ID}`], "INSTALLATION_NOT_FOUND", 4],
    ["an unknown instance", ["stop", `apps/good/${NO_ID}/${NO_ID}`], "INSTANCE_NOT_FOUND", 4],
    ["a glob without a match", ["suspend", "apps/no*"], "INSTANCE_NOT_FOUND", 4],
    ["something that is no name", ["start", "good"], "INVALID_NAME", 2],
    ["an id that is none", ["start", "apps/good/1"], "INVALID_NAME", 2],
    ["a name with too many parts", ["stop", `apps/good/${NO_ID}/${NO_ID}/x`], "INVALID_NAME", 2],
    ["a name that ends with a slash", ["stop", "apps/"], "INVALID_TITLE", 2],
    ["a way out of the root", ["stop", `apps/../${NO_ID}`], "INSTALLATION_NOT_FOUND", 4],
    ["a title with a control character", ["start", "apps/a\u0007b"], "INVALID_TITLE", 2],
    ["a title that is too long", ["start", `apps/${"x".repeat(129)}`], "INVALID_TITLE", 2],
    ["the reserved title", ["start", "apps/node manager"], "RESERVED_TITLE", 2],
    ["the manager, which cannot be started", ["start", "nm"], "INVALID_ARGUMENT", 2],
    ["an origin that is none", ["install", "good"], "INVALID_ORIGIN", 2],
    ["an origin in the clear off loopback", ["install", "grpc:192.0.2.1:1/app"], "INVALID_ORIGIN", 2],
    ["the reserved title in an origin", ["install", "file:/tmp/node manager"], "RESERVED_TITLE", 2],
    ["an option that there is not", ["start", "apps", "--fast"], "INVALID_ARGUMENT", 2],
    ["a command that there is not", ["strat", "apps"], "INVALID_ARGUMENT", 2],
  ])("%s", async (_, args, reason, code) => {
    expect(await refused(...args)).toMatchObject({ reason, code });
  });

  test.each([
    ["with a slash", "a/b", "INVALID_TITLE"],
    ["with a control character", "a\tb", "INVALID_TITLE"],
    ["that is empty", "", "INVALID_ARGUMENT"],
  ])("a title %s is not published", async (_, title, reason) => {
    const file = executable(device, "any.sh", "#!/bin/sh\n");
    const before = treeOf(join(device.dir, "repo"));
    const args = ["publish", file, "--to", `file:${device.dir}/repo`, "--title", title, "--version", "1.0.0"];
    expect(await refused(...args)).toMatchObject({ reason, code: 2 });
    expect(treeOf(join(device.dir, "repo"))).toEqual(before);
  });
});

describe("envelopes and binaries", () => {
  test("what has the title of the manager itself", async () => {
    const origin = await publish(device, plainScript(device), { title: "node manager" });
    expect(await refused("install", origin)).toMatchObject({ reason: "RESERVED_TITLE", code: 2 });
  });

  let number = 0;

  /** Publishes an application and then tampers with the files of the repository. @returns the origin */
  async function tampered(tamper: (files: { envelope: string; binary: string }) => void): Promise<string> {
    const title = `tampered ${++number}`;
    const to = `file:${device.dir}/repo-${number}`;
    const file = executable(device, `tampered-${number}.sh`, `#!/bin/sh\n# ${number}\n`);
    const origin = await publish(device, { file, readiness: "none" }, { title, to });
    const dir = join(device.dir, `repo-${number}`);
    const [envelope = ""] = filesBelow(join(dir, "applications"));
    const [binary = ""] = filesBelow(join(dir, "binaries"));
    tamper({ envelope, binary });
    return origin;
  }

  const edited =
    (change: (envelope: Record<string, unknown>) => void) =>
    ({ envelope }: { envelope: string }) => {
      const document: Record<string, unknown> = JSON.parse(readFileSync(envelope, "utf8"));
      change(document);
      writeFileSync(envelope, JSON.stringify(document));
    };

  test.each<[string, (files: { envelope: string; binary: string }) => void, string, number]>([
    ["is not JSON", ({ envelope }) => writeFileSync(envelope, "{"), "INVALID_ENVELOPE", 1],
    ["is too large", ({ envelope }) => writeFileSync(envelope, "x".repeat(1024 * 1024 + 1)), "INVALID_ENVELOPE", 1],
    ["lacks its title", edited((envelope) => delete envelope.title), "INVALID_ENVELOPE", 1],
    ["lacks its binary", edited((envelope) => delete envelope.binary), "INVALID_ENVELOPE", 1],
    [
      "is of another version",
      edited((envelope) => Object.assign(envelope, { version: "2.0.0" })),
      "INVALID_ENVELOPE",
      1,
    ],
    [
      "has an unknown readiness",
      edited((e) => Object.assign(e, { readiness: { kind: "soon" } })),
      "INVALID_ENVELOPE",
      1,
    ],
    ["has arguments that are none", edited((e) => Object.assign(e, { args: [1] })), "INVALID_ENVELOPE", 1],
    ["has a newer format", edited((e) => Object.assign(e, { schemaVersion: 2 })), "INVALID_ENVELOPE", 1],
    ["has a title with a slash", edited((envelope) => Object.assign(envelope, { title: "../x" })), "INVALID_TITLE", 2],
    ["has the reserved title", edited((e) => Object.assign(e, { title: "node manager" })), "RESERVED_TITLE", 2],
    ["names a binary that is not there", ({ binary }) => unlinkSync(binary), "BINARY_NOT_FOUND", 4],
    ["names a digest that is not the binary's", otherBytes, "DIGEST_MISMATCH", 1],
    ["names a size that is too small", edited((e) => resize(e, -1)), "SIZE_MISMATCH", 1],
    ["names a size that is too large", edited((e) => resize(e, 1)), "SIZE_MISMATCH", 1],
    ["names a size that no node takes", edited((e) => resize(e, 2 ** 50)), "TOO_LARGE", 1],
    ["is a link to itself", loop, "REPOSITORY_CORRUPT", 1],
  ])("an envelope that %s", async (_, tamper, reason, code) => {
    expect(await refused("install", await tampered(tamper))).toMatchObject({ reason, code });
  });

  test("an application, or a version of it, that is not there", async () => {
    const repository = `file:${device.dir}/repo`;
    expect(await refused("install", `${repository}/nothing`)).toMatchObject({ reason: "ENVELOPE_NOT_FOUND", code: 4 });
    expect(await refused("install", `${repository}/good@9.9.9`)).toMatchObject({
      reason: "VERSION_NOT_FOUND",
      code: 4,
    });
  });

  test("a binary for another platform, whatever its label says", async () => {
    const foreign = { file: executable(device, "foreign", ""), readiness: "none" };
    writeFileSync(foreign.file, elfHeader(process.arch === "arm64" ? 62 : 183));
    const origin = await publish(device, foreign, { title: "foreign" });
    expect(await refused("install", origin)).toMatchObject({ reason: "BINARY_INCOMPATIBLE", code: 1 });
  });

  test("no matching profile: it says what the node supports and what was offered", async () => {
    const options = ["--profile", "windows-amd64", "--profile", "linux-s390x"];
    const origin = await publish(device, plainScript(device), { title: "other", options });
    const { reason, code, stderr } = await refused("install", origin);
    expect({ reason, code }).toEqual({ reason: "PROFILE_MISMATCH", code: 1 });
    expect(stderr).toMatch(/supports .*linux-.*offered.*linux-s390x.*windows-amd64/s);
  });

  test("a binary that is larger than this node allows", async () => {
    await using small = await Device.start({ args: ["--max-binary-bytes", "10"] });
    const before = treeOf(small.root);
    const ran = await small.nmctl("-o", "json", "install", await publish(small, plainScript(small)));
    expect(ran).toMatchObject({ reason: "TOO_LARGE", code: 1 });
    expect(treeOf(small.root)).toEqual(before);
  });
});

describe("repositories", () => {
  test("one that is not there", async () => {
    const port = await freePort();
    const down = await refused("install", `grpc:127.0.0.1:${port}/app`);
    expect(down).toMatchObject({ reason: "REPOSITORY_UNAVAILABLE", code: 1 });
    expect((await refused("install", `file:${device.dir}/no-repo/app`)).code).not.toBe(0);
  });

  test.each([
    ["that stalls", "stalls", "REPOSITORY_UNAVAILABLE", 1],
    ["that ends too early", "truncated", "SIZE_MISMATCH", 1],
    ["that never ends", "endless", "SIZE_MISMATCH", 1],
  ] as const)("one %s", async (_, hostility, reason, code) => {
    await using hostile = await HostileRepository.serve(hostility);
    expect(await refused("install", `${hostile.address}/hostile`)).toMatchObject({ reason, code });
  });

  test("one that is something else", async () => {
    await using stranger = await Stranger.serve("HTTP/1.1 400 Bad Request\r\n\r\n");
    const { reason, code } = await refused("install", `${stranger.address}/app`);
    expect({ reason, code }).toEqual({ reason: "REPOSITORY_UNAVAILABLE", code: 1 });
  });

  test("one that does not answer, for a caller in a hurry", async () => {
    await using silent = await Stranger.serve(undefined);
    const { reason, code } = await refused("--timeout", "1s", "install", `${silent.address}/app`);
    expect({ reason, code }).toEqual({ reason: "DEADLINE_EXCEEDED", code: 5 });
  });

  test("a directory that is not a repository", async () => {
    const dir = join(device.dir, "documents");
    mkdirSync(dir);
    writeFileSync(join(dir, "letter"), "");
    expect((await refused("install", `file:${dir}/app`)).reason).toBe("REPOSITORY_CORRUPT");
    expect(readdirSync(dir)).toEqual(["letter"]);
  });
});

function filesBelow(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Other bytes of the same length. */
function otherBytes({ binary }: { binary: string }): void {
  const bytes = readFileSync(binary);
  unlinkSync(binary);
  writeFileSync(binary, bytes.fill("y"));
}

function resize(envelope: Record<string, unknown>, by: number): void {
  const { binary } = envelope;
  if (typeof binary !== "object" || binary === null || !("sizeBytes" in binary)) {
    throw new Error("an envelope has a binary");
  }
  Object.assign(binary, { sizeBytes: Number(binary.sizeBytes) + by });
}

function loop({ envelope }: { envelope: string }): void {
  unlinkSync(envelope);
  symlinkSync(envelope, envelope);
}

/** The header of an executable for another machine; 62 is x86-64, 183 is AArch64. */
function elfHeader(machine: number): Buffer {
  const header = Buffer.alloc(64);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  header.writeUInt16LE(2, 16);
  header.writeUInt16LE(machine, 18);
  header.writeUInt32LE(1, 20);
  header.writeUInt16LE(64, 52);
  return header;
}
