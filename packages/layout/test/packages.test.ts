import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { decodeEnvelope, type Envelope, hasReason, NodeError, type PackageRef } from "@nodemanager/core";
import type { BuildOptions, InstallationRecord, Root } from "@nodemanager/layout";
import { failureOf, paxOf, type TarPart, tarOf, tempDir } from "@nodemanager/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  createInstance,
  envelope,
  files,
  install,
  open,
  paths,
  putBinary,
  putPackage,
  TITLE,
} from "./support/fixture.ts";
import { RecordingFs } from "./support/recording-fs.ts";

const PROGRAM = "#!/bin/sh\nexit 0\n";
const WEB = tarOf(
  { name: "./", type: "5", mode: 0o755 },
  { name: "./bin/run", mode: 0o755, content: PROGRAM },
  { name: "./data/text", mode: 0o666, content: "words" },
  { name: "./data/empty/", type: "5", mode: 0o2777 },
);

interface Given {
  readonly packages?: Readonly<Record<string, PackageRef>>;
  readonly command?: string;
  /** What the installation says. */
  readonly own?: Readonly<Record<string, PackageRef>>;
  readonly build?: BuildOptions;
}

/** An envelope with the program in a package, or else with the fixture's binary. */
function envelopeWith({ packages = {}, command }: Given): Envelope {
  const { binary, readiness, version } = envelope();
  return decodeEnvelope(
    { title: TITLE, version, readiness, packages, ...(command ? { command } : { binary }) },
    "a test",
  );
}

async function installWith(root: Root, given: Given): Promise<InstallationRecord> {
  await putBinary(root);
  return await root.installations.install({
    title: TITLE,
    envelope: envelopeWith(given),
    packages: given.own,
    build: given.build,
    origin: "file:/repository/redis",
  });
}

/** What an installation is refused with; nothing but the blobs that were there before is left of it. */
async function refusal(root: Root, given: Given): Promise<NodeError> {
  await putBinary(root);
  const before = paths(root.dir);
  const failure = await failureOf(installWith(root, given));
  expect(paths(root.dir)).toEqual(before);
  return failure;
}

describe("packages of a version", () => {
  test("archives are unpacked and kept, files are the blobs themselves", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const [web, zipped, config] = [
      await putPackage(root, WEB),
      await putPackage(root, gzipSync(WEB), "tar.gz"),
      await putPackage(root, Buffer.from("colour=red\n"), "file"),
    ];
    const { versionDir, envelope } = await installWith(root, { packages: { web, zipped, "site.conf": config } });
    const unpacked = (name: string) => [
      `packages/${name}/ 755`,
      `packages/${name}/bin/ 755`,
      `packages/${name}/bin/run 555 ${JSON.stringify(PROGRAM)}`,
      `packages/${name}/data/ 755`,
      `packages/${name}/data/empty/ 755`,
      `packages/${name}/data/text 444 "words"`,
    ];
    expect(files(versionDir).filter((line) => line.startsWith("packages"))).toEqual([
      "packages/ 755",
      'packages/site.conf 555 "colour=red\\n"',
      ...unpacked("web"),
      ...unpacked("zipped"),
    ]);
    expect(readdirSync(join(versionDir, "archives"))).toEqual(["web", "zipped"]);
    const inode = (path: string) => statSync(path).ino;
    expect(inode(join(versionDir, "archives/web"))).toBe(inode(root.blobs.path(web.sha256)));
    expect(inode(join(versionDir, "packages/site.conf"))).toBe(inode(root.blobs.path(config.sha256)));
    expect((await Array.fromAsync(root.blobs.list())).every(({ isUsed }) => isUsed)).toBe(true);
    expect(Object.keys(envelope.packages)).toEqual(["web", "zipped", "site.conf"]);
  });

  test("a version without packages has no directories for them", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const { versionDir } = await install(root);
    expect(readdirSync(versionDir).sort()).toEqual(["bin", "envelope.json", "origin.json"]);
    const config = await putPackage(root, Buffer.from("x"), "file");
    const second = await installWith(root, { packages: { config } });
    expect(readdirSync(second.versionDir).sort()).toEqual(["bin", "envelope.json", "origin.json", "packages"]);
  });

  test("what the installation says wins over the envelope, which need not be there then, and adds to it", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const here = async (text: string) => await putPackage(root, Buffer.from(text), "file");
    const packages = { theme: { ...(await here("unused")), sha256: "0".repeat(64) }, words: await here("words") };
    const own = { theme: await here("dark"), extra: await here("more") };
    const made = await installWith(root, { packages, own });
    const found = (name: string) => readFileSync(join(made.versionDir, "packages", name), "utf8");
    expect(["theme", "words", "extra"].map(found)).toEqual(["dark", "words", "more"]);
    expect(made.packages).toEqual(own);
    expect(await root.installations.read(made.name)).toEqual(made);
  });

  test("settings from before there were packages say that there are none", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const { name, dir: place } = await install(root);
    expect(JSON.parse(readFileSync(join(place, "settings.json"), "utf8"))).not.toHaveProperty("packages");
    expect((await root.installations.read(name)).packages).toEqual({});
  });

  test("a sweep leaves alone what has a name like one of its own in a package", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const archive = tarOf({ name: `.incoming-${"a".repeat(26)}-1` }, { name: ".deleted-x/file", content: "x" });
    const { versionDir } = await installWith(root, { packages: { odd: await putPackage(root, archive) } });
    const before = paths(versionDir);
    expect(await root.sweep()).toEqual({ removed: [], problems: [] });
    expect(paths(versionDir)).toEqual(before);
  });
});

describe("a program in a package", () => {
  test("is what an instance runs", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const heads: string[] = [];
    const checkProgram = async (head: Uint8Array) => void heads.push(Buffer.from(head).toString());
    const packages = { web: await putPackage(root, WEB) };
    const { name, versionDir } = await installWith(root, { packages, command: "web/bin/run", build: { checkProgram } });
    const record = await root.instances.read(await createInstance(root, name));
    expect(await root.instances.version(record)).toMatchObject({
      program: join(versionDir, "packages/web/bin/run"),
      packagesDir: join(versionDir, "packages"),
    });
    expect(readdirSync(versionDir)).not.toContain("bin");
    expect(heads).toEqual([PROGRAM]);
  });

  test("may be a package that is a file", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const run = await putPackage(root, Buffer.from(PROGRAM), "file");
    const { versionDir } = await installWith(root, { packages: { run }, command: "run" });
    expect(statSync(join(versionDir, "packages/run")).mode & 0o777).toBe(0o555);
  });

  test("of an override runs instead of the envelope's", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const packages = { web: await putPackage(root, tarOf({ name: "other" })) };
    const own = { web: await putPackage(root, WEB) };
    const { versionDir } = await installWith(root, { packages, own, command: "web/bin/run" });
    expect(readFileSync(join(versionDir, "packages/web/bin/run"), "utf8")).toBe(PROGRAM);
  });

  test.each([
    ["is not there", "web/bin/walk"],
    ["is below a file", "web/bin/run/walk"],
    ["is a directory", "web/data"],
    ["is the package", "web"],
    ["is not executable", "web/data/text"],
  ])("that %s is refused", async (_, command) => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const packages = { web: await putPackage(root, WEB) };
    expect(await refusal(root, { packages, command })).toMatchObject({
      reason: "INVALID_PACKAGE",
      metadata: { entry: JSON.stringify(command) },
    });
  });

  test.each([
    ["a package", "web/bin/run"],
    ["a binary", undefined],
  ])("of %s that the check does not like leaves nothing", async (_, command) => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const packages = { web: await putPackage(root, WEB) };
    const no = new NodeError("BINARY_INCOMPATIBLE", "no");
    const checkProgram = () => Promise.reject(no);
    expect(await refusal(root, { packages, ...(command && { command }), build: { checkProgram } })).toBe(no);
  });
});

describe("what an archive cannot do", () => {
  const hostile: readonly (readonly [what: string, parts: readonly TarPart[]])[] = [
    ["write to an absolute path", [{ name: "<outside>/owned", content: "x" }]],
    ["write above its directory", [{ name: `${"../".repeat(9)}owned`, content: "x" }]],
    ["write above by attributes", [paxOf({ path: "../../owned" }), { name: "x", content: "x" }]],
    [
      "write through its own symbolic link",
      [
        { name: "way", type: "2", linkname: "<outside>" },
        { name: "way/owned", content: "x" },
      ],
    ],
    ["take a file of the node", [{ name: "passwd", type: "1", linkname: "/etc/passwd" }]],
    ["make a device", [{ name: "null", type: "3" }]],
    ["make a FIFO", [{ name: "fifo", type: "6" }]],
    ["bring set-user-id", [{ name: "su", mode: 0o4755 }]],
    ["break off", [{ name: "a", sizeBytes: 10_000 }]],
  ];

  test.each(hostile)("%s", async (_, parts) => {
    await using dir = await tempDir();
    await using root = await open(join(dir.path, "root"));
    const outside = join(dir.path, "outside");
    mkdirSync(outside);
    const real = parts.map(({ name, linkname, ...rest }) => ({
      ...rest,
      name: name.replace("<outside>", outside),
      linkname: linkname?.replace("<outside>", outside) ?? "",
    }));
    const evil = await putPackage(root, tarOf({ name: "harmless", content: "x" }, ...real, { name: "after" }));
    expect((await refusal(root, { packages: { evil } })).reason).toBe("INVALID_PACKAGE");
    expect(readdirSync(outside)).toEqual([]);
    expect(readdirSync(dir.path).sort()).toEqual(["outside", "root"]);
  });

  test("fill the disk", async () => {
    await using dir = await tempDir();
    const fs = new RecordingFs();
    await using root = await open(dir.path, { fs });
    const bomb = await putPackage(
      root,
      gzipSync(tarOf({ name: "zeros", content: Buffer.alloc(8 * 1024 ** 2) })),
      "tar.gz",
    );
    const start = fs.changes.length;
    const maxPackageBytes = 8 * 1024 ** 2;
    expect((await refusal(root, { packages: { bomb }, build: { maxPackageBytes } })).reason).toBe("TOO_LARGE");
    const written = fs.changes
      .slice(start)
      .reduce((sum, change) => sum + (change.verb === "write" ? change.bytes.length : 0), 0);
    expect(written).toBeLessThan(maxPackageBytes + 4096);
  });

  test("outlast a cancel", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const big = await putPackage(root, tarOf({ name: "big", content: Buffer.alloc(4 * 1024 ** 2) }, { name: "after" }));
    const controller = new AbortController();
    const told: number[] = [];
    const onUnpacking = (done: number) => {
      told.push(done);
      controller.abort();
    };
    const build = { signal: controller.signal, onUnpacking };
    expect((await refusal(root, { packages: { big }, build })).reason).toBe("CANCELLED");
    expect(told.length).toBeLessThan(4);
  });

  test("have a path that is too long for where the root is", async () => {
    await using dir = await tempDir();
    await using root = await open(join(dir.path, ...Array.from({ length: 16 }, () => "r".repeat(200))));
    const long = Array.from({ length: 5 }, () => "p".repeat(200)).join("/");
    const deep = await putPackage(root, tarOf(paxOf({ path: long }), { name: "x" }));
    expect((await refusal(root, { packages: { deep } })).reason).toBe("INVALID_PACKAGE");
  });

  test("do anything but be installed or be refused, however it was changed", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    await putBinary(root);
    const change = fc.record({ at: fc.nat({ max: WEB.length - 1 }), byte: fc.nat({ max: 255 }) });
    const broken = fc.tuple(fc.array(change, { maxLength: 5 }), fc.nat({ max: WEB.length }));
    await fc.assert(
      fc.asyncProperty(broken, async ([changes, length]) => {
        const bytes = Buffer.from(WEB);
        for (const { at, byte } of changes) {
          bytes[at] = byte;
        }
        const web = await putPackage(root, bytes.subarray(0, changes.length === 0 ? length : undefined));
        const before = paths(root.dir);
        try {
          await root.installations.retire((await installWith(root, { packages: { web } })).name);
          await root.installations.retireEmptyApplications();
        } catch (error) {
          if (!hasReason(error, "INVALID_PACKAGE", "TOO_LARGE")) {
            throw error;
          }
        }
        expect(paths(root.dir)).toEqual(before);
        await root.blobs.retire(web.sha256);
      }),
      { numRuns: 150 },
    );
  });
});

describe("the link in a workspace", () => {
  async function launched(root: Root): Promise<{ rootDir: string; versionDir: string; link: () => Promise<void> }> {
    const { name, versionDir } = await installWith(root, { packages: { web: await putPackage(root, WEB) } });
    const record = await root.instances.read(await createInstance(root, name));
    return { rootDir: record.rootDir, versionDir, link: () => root.instances.linkPackages(record) };
  }

  test("leads to the packages of the version that the instance has, and is made once", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const { rootDir, link } = await launched(root);
    await link();
    await link();
    expect(readlinkSync(join(rootDir, "packages"))).toBe("../version/packages");
    expect(readFileSync(join(rootDir, "packages/web/data/text"), "utf8")).toBe("words");
  });

  test.each<[string, (place: string) => void]>([
    ["a directory", (place) => mkdirSync(place)],
    ["a file", (place) => writeFileSync(place, "mine")],
    ["a link", (place) => symlinkSync("/nowhere", place)],
  ])("leaves %s of the application alone", async (_, plant) => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const { rootDir, link } = await launched(root);
    plant(join(rootDir, "packages"));
    const before = lstatSync(join(rootDir, "packages")).ino;
    await link();
    expect(lstatSync(join(rootDir, "packages")).ino).toBe(before);
  });
});
