import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { paxOf, type TarPart, tarOf } from "@nodemanager/testing";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { executable, notifyingScript, publish } from "../src/applications.ts";
import { Device } from "../src/device.ts";
import { NODE } from "../src/programs.ts";
import { leftoversIn, treeOf } from "../src/tree.ts";

// Programs are started by the dozen, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const MAX_PACKAGE_BYTES = 4 * 1024 * 1024;

let device: Device;

beforeAll(async () => {
  device = await Device.start({ args: ["--max-package-bytes", `${MAX_PACKAGE_BYTES}`] });
});

afterAll(async () => {
  try {
    await device.ok("uninstall", "apps");
    expect((await device.noded.end()).code).toBe(0);
    expect(device.leftRunning()).toEqual([]);
    expect(leftoversIn(device.root)).toEqual([]);
  } finally {
    await device[Symbol.asyncDispose]();
  }
});

/** Packs files, as people do. */
function archive(name: string, files: Readonly<Record<string, string>>): string {
  const dir = join(device.dir, `${name}.files`);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
    if (text.startsWith("#!")) {
      chmodSync(join(dir, path), 0o755);
    }
  }
  const file = join(device.dir, name);
  execFileSync("tar", [name.endsWith(".tar") ? "cf" : "czf", file, "-C", dir, "."]);
  return file;
}

function plainFile(name: string, text: string): string {
  const file = join(device.dir, name);
  writeFileSync(file, text);
  return file;
}

async function workspaceOf(instance: string): Promise<string> {
  const { object } = await device.object(instance);
  if (object?.$case !== "instance") {
    throw new Error(`${instance} is no instance`);
  }
  return object.value.rootDir;
}

describe("D3: an application with packages", () => {
  test("sees archives as directories, files as files, and its installation's own instead of its publisher's", async () => {
    const repository = `file:${join(device.dir, "repo")}`;
    const options = [
      ...["--package", `docs=${archive("docs.tar.gz", { "en/index": "english", "de/index": "deutsch" })}`],
      ...["--package", `theme=${archive("dark.tar", { colour: "dark" })}`],
      ...["--package", `motd=${plainFile("motd", "hello\n")}`],
    ];
    const origin = await publish(device, notifyingScript(device), { title: "site", options });
    const light = await device.ok("repository", "put", archive("light.tgz", { colour: "light" }), "--to", repository);
    const extra = await device.ok("repository", "put", plainFile("licence", "free\n"), "--to", repository);

    const published = await device.ok("start", await device.ok("install", origin));
    const own = ["--package", `theme=${light}`, "--package", `licence=${extra}`];
    const installation = await device.ok("install", origin, ...own);
    const overridden = await device.ok("start", installation);

    const read = async (instance: string, path: string) =>
      readFileSync(join(await workspaceOf(instance), "packages", path), "utf8");
    for (const instance of [published, overridden]) {
      expect(await read(instance, "docs/en/index")).toBe("english");
      expect(await read(instance, "docs/de/index")).toBe("deutsch");
      expect(await read(instance, "motd")).toBe("hello\n");
    }
    expect(await read(published, "theme/colour")).toBe("dark");
    expect(await read(overridden, "theme/colour")).toBe("light");
    expect(await read(overridden, "licence")).toBe("free\n");
    expect(existsSync(join(await workspaceOf(published), "packages/licence"))).toBe(false);

    // What a version has, it has once: the archives of both are the same files.
    const inodes = [published, overridden].map(async (instance) => {
      const packages = join(await workspaceOf(instance), "packages");
      return [statSync(join(packages, "../../version/archives/docs")).ino, statSync(join(packages, "motd")).ino];
    });
    const [first, second] = await Promise.all(inodes);
    expect(second).toEqual(first);
    const debug = await device.ok("debug", installation);
    expect(debug).toContain(light.split(":")[1]);
  });

  test("may bring its program in an archive, which finds its data beside it and by its environment", async () => {
    const program = `#!${NODE}
const { readFileSync, writeSync } = require("node:fs");
const { join } = require("node:path");
console.log(readFileSync(join(__dirname, "../data/words"), "utf8") + readFileSync(process.env.NODED_PACKAGES_DIR + "/app/data/words", "utf8"));
console.log(process.argv.slice(2).join(" "));
writeSync(Number(process.env.NOTIFY_FD), "\\n");
process.on("SIGTERM", () => process.exit(0));
setTimeout(() => {}, 1e9);
`;
    const file = archive("script.tar.gz", { "bin/run.cjs": program, "data/words": "words " });
    const options = ["--command", "./bin/run.cjs"];
    const origin = await publish(
      device,
      { file, readiness: "fd", args: ["--from", "envelope"] },
      { title: "script", options },
    );
    const instance = await device.ok("start", await device.ok("install", origin, "--arg", "more"));
    expect(await device.ok("logs", instance)).toBe("words words \n--from envelope more");
    const workspace = await workspaceOf(instance);
    expect(readlinkSync(join(workspace, "packages"))).toBe("../version/packages");
    await device.ok("restart", instance);
    expect(await device.stateOf(instance)).toBe("RUNNING");
  });
});

/** Puts a version into the repository as no publisher of ours would. */
function craft(
  title: string,
  packages: Readonly<Record<string, readonly [bytes: Uint8Array, format: string]>>,
  command?: string,
): string {
  const repo = join(device.dir, "crafted");
  const put = (bytes: Uint8Array) => {
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    writeFileSync(join(repo, "binaries/sha256", sha256), bytes);
    return { sha256, sizeBytes: bytes.length };
  };
  const place = join(repo, "applications", title, "1.0.0");
  mkdirSync(place, { recursive: true });
  mkdirSync(join(repo, "binaries/sha256"), { recursive: true });
  writeFileSync(join(repo, "repository.json"), '{"schemaVersion":1}');
  const envelope = {
    title,
    version: "1.0.0",
    ...(command === undefined ? { binary: put(Buffer.from("#!/bin/sh\nsleep 1000\n")) } : { command }),
    packages: Object.fromEntries(
      Object.entries(packages).map(([name, [bytes, format]]) => [name, { ...put(bytes), format }]),
    ),
  };
  writeFileSync(join(place, `linux-${process.arch === "x64" ? "amd64" : process.arch}.json`), JSON.stringify(envelope));
  return `file:${repo}/${title}`;
}

const tar = (...parts: readonly TarPart[]) => [tarOf({ name: "harmless", content: "x" }, ...parts), "tar"] as const;
const zipped = (bytes: Uint8Array) => [gzipSync(bytes), "tar.gz"] as const;

describe("a hostile package", () => {
  test.each<[string, string, () => string]>([
    ["escapes by ..", "INVALID_PACKAGE", () => craft("up", { evil: tar({ name: "../../../owned", content: "x" }) })],
    [
      "escapes to an absolute path",
      "INVALID_PACKAGE",
      () => craft("abs", { evil: tar({ name: `${device.dir}/owned` }) }),
    ],
    [
      "escapes by attributes",
      "INVALID_PACKAGE",
      () => craft("pax", { evil: tar(paxOf({ path: "../owned" }), { name: "a" }) }),
    ],
    [
      "escapes through a link of its own",
      "INVALID_PACKAGE",
      () =>
        craft("link", { evil: tar({ name: "l", type: "2", linkname: device.dir }, { name: "l/owned", content: "x" }) }),
    ],
    [
      "links to a file of the node",
      "INVALID_PACKAGE",
      () => craft("hard", { evil: tar({ name: "l", type: "1", linkname: "/etc/passwd" }) }),
    ],
    ["brings a device", "INVALID_PACKAGE", () => craft("device", { evil: tar({ name: "null", type: "3" }) })],
    ["brings set-user-id", "INVALID_PACKAGE", () => craft("setuid", { evil: tar({ name: "su", mode: 0o4755 }) })],
    ["is no archive", "INVALID_PACKAGE", () => craft("garbage", { evil: [Buffer.alloc(10_000, "garbage"), "tar.gz"] })],
    [
      "breaks off",
      "INVALID_PACKAGE",
      () => craft("short", { evil: [tarOf({ name: "a", sizeBytes: 9999 }).subarray(0, 900), "tar"] }),
    ],
    [
      "is a bomb",
      "TOO_LARGE",
      () => craft("bomb", { evil: zipped(tarOf({ name: "zeros", content: Buffer.alloc(40 * 1024 ** 2) })) }),
    ],
    ["is a bomb of many small files", "TOO_LARGE", () => craft("many", { evil: zipped(manyFiles(70_000)) })],
    ["has no program where it says", "INVALID_PACKAGE", () => craft("none", { evil: tar() }, "evil/run")],
    [
      "has a program that is none",
      "BINARY_INCOMPATIBLE",
      () => craft("words", { evil: tar({ name: "run", mode: 0o755, content: "words" }) }, "evil/run"),
    ],
  ])("that %s is refused with %s, changes nothing, and the node goes on", async (_, reason, make) => {
    const origin = make();
    const pid = device.noded.pid;
    const before = treeOf(device.root);
    const outside = readdirSync(device.dir).sort();
    const ran = await device.nmctl("-o", "json", "install", origin);
    expect({ reason: ran.reason, code: ran.code }).toEqual({ reason, code: 1 });
    expect(treeOf(device.root)).toEqual(before);
    expect(readdirSync(device.dir).sort()).toEqual(outside);
    await device.ok("describe");
    expect(device.noded.pid).toBe(pid);
  });

  test("is refused by the publisher, too", async () => {
    const file = plainFile("evil.tar", "");
    writeFileSync(file, tarOf({ name: "../owned", content: "x" }));
    const program = executable(device, "program", "#!/bin/sh\n");
    const argv = ["publish", program, "--package", `evil=${file}`, "--to", `file:${device.dir}/none`];
    const ran = await device.nmctl("-o", "json", ...argv, "--title", "evil", "--version", "1.0.0");
    expect(ran).toMatchObject({ reason: "INVALID_PACKAGE", code: 1 });
    expect(existsSync(join(device.dir, "none"))).toBe(false);
  });
});

/** Small files of which each is within bounds. */
function manyFiles(count: number): Uint8Array {
  return tarOf(...Array.from({ length: count }, (_, at) => ({ name: `${at}` })));
}
