import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { InstallationName, InstanceName } from "@nodemanager/core";
import type { BrokenRecord, Root } from "@nodemanager/layout";
import { collect, failureOf, reasonOf, tempDir } from "@nodemanager/testing";
import { describe, expect, test } from "vitest";
import { createInstance, install, launch, open, runInstance, TITLE } from "./support/fixture.ts";

/** What may be found in the place of a document. */
const PLANTS: Readonly<Record<string, (path: string, content: string) => void>> = {
  "a FIFO": (path) => void execFileSync("mkfifo", [path]),
  "a directory": (path) => mkdirSync(path),
  "a symbolic link to a good one": (path, content) => {
    writeFileSync(`${path}.elsewhere`, content);
    symlinkSync(`${path}.elsewhere`, path);
  },
  "a symbolic link to itself": (path) => symlinkSync(path, path),
  "a device": (path) => symlinkSync("/dev/zero", path),
  "2 GiB of nothing": (path) => {
    writeFileSync(path, "");
    truncateSync(path, 2 * 1024 ** 3);
  },
  nothing: (path) => writeFileSync(path, ""),
  zeros: (path, content) => writeFileSync(path, Buffer.alloc(content.length)),
  "half of it": (path, content) => writeFileSync(path, content.slice(0, content.length / 2)),
  "bytes that are no text": (path) => writeFileSync(path, Buffer.from([0x7b, 0xff, 0xfe, 0x7d])),
  "an array": (path) => writeFileSync(path, "[]"),
  "no fields": (path) => writeFileSync(path, '{"schemaVersion":1}'),
  "one from the future": (path, content) =>
    writeFileSync(path, content.replace('"schemaVersion":1', '"schemaVersion":2')),
};

interface Tree {
  readonly root: Root;
  readonly installation: InstallationName;
  /** A running one, a suspended one that ran, and a stopped one. */
  readonly running: InstanceName;
  readonly suspended: InstanceName;
  readonly stopped: InstanceName;
  /** Of another application, untouched. */
  readonly bystander: InstanceName;
}

/** Which documents there are, where, and which object is broken without them. */
const DOCUMENTS: Readonly<
  Record<string, (tree: Tree) => Promise<{ file: string; name: InstallationName | InstanceName }>>
> = {
  "settings.json": async ({ root, installation: name }) => ({
    file: join((await root.installations.read(name)).dir, "settings.json"),
    name,
  }),
  "envelope.json": async ({ root, installation: name }) => ({
    file: join((await root.installations.read(name)).versionDir, "envelope.json"),
    name,
  }),
  "origin.json": async ({ root, installation: name }) => ({
    file: join((await root.installations.read(name)).versionDir, "origin.json"),
    name,
  }),
  "instance.json": (tree) => inInstance(tree, tree.running, "instance.json"),
  info: (tree) => inInstance(tree, tree.running, "info"),
  ready: (tree) => inInstance(tree, tree.running, "ready"),
  suspended: (tree) => inInstance(tree, tree.suspended, "suspended"),
  "last-exit": (tree) => inInstance(tree, tree.suspended, "last-exit"),
  stopped: (tree) => inInstance(tree, tree.stopped, "stopped"),
};

describe("what is planted in the tree breaks one object and hangs nothing", () => {
  test.each(Object.entries(DOCUMENTS))("in the place of %s", async (_, locate) => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const tree = await makeTree(root);
    const bystander = await root.instances.read(tree.bystander);
    const { file, name } = await locate(tree);
    const read = () => (name.kind === "instance" ? root.instances.read(name) : root.installations.read(name));
    const whole = await read();
    const content = readFileSync(file, "utf8");
    for (const [plant, act] of Object.entries(PLANTS)) {
      rmSync(file);
      act(file, content);

      const failure = await failureOf(read());
      expect(failure.reason, plant).toBe("STORE_CORRUPT");
      expect(failure.metadata.file, plant).toBe(file);
      expect(failure.message, plant).toContain(file);
      if (plant === "one from the future") {
        expect(failure.metadata.field).toBe("schemaVersion");
      }
      if (plant === "no fields") {
        expect(failure.metadata.field).not.toBe("");
      }
      const broken = await listBroken(root);
      expect(
        broken.map((record) => [record.file, record.error.reason]),
        plant,
      ).toEqual([[file, "STORE_CORRUPT"]]);
      expect(await root.instances.read(tree.bystander), plant).toEqual(bystander);
      expect((await root.sweep()).problems, plant).toEqual([]);

      rmSync(file, { recursive: true });
      writeFileSync(file, content);
    }
    expect(await read()).toEqual(whole);
    // The others go on.
    await root.instances.claimSuspend(tree.bystander);
    await root.instances.finishSuspend(tree.bystander);
  });

  test("a broken claim is neither taken over nor linked again, and its instance can be removed", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const name = await runInstance(root);
    writeFileSync(join((await root.instances.read(name)).dir, "info"), "{");
    expect(await reasonOf(root.instances.claimLaunch(name, launch()))).toBe("STORE_CORRUPT");
    expect(await reasonOf(root.instances.claimSuspend(name))).toBe("STORE_CORRUPT");
    expect(await reasonOf(root.instances.claimStop(name))).toBe("STORE_CORRUPT");
    await root.instances.retire(name);
    expect(await reasonOf(root.instances.read(name))).toBe("INSTANCE_NOT_FOUND");
  });

  test("a pid that would mean our own process group is no identity", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const name = await runInstance(root);
    const file = join((await root.instances.read(name)).dir, "info");
    for (const pid of [0, -1, 1.5, "1"]) {
      const info = JSON.parse(readFileSync(file, "utf8"));
      writeFileSync(`${file}.new`, JSON.stringify({ ...info, process: { ...info.process, pid } }));
      rmSync(file);
      writeFileSync(file, readFileSync(`${file}.new`));
      expect((await failureOf(root.instances.read(name))).metadata).toEqual({ file, field: "process.pid" });
      writeFileSync(file, JSON.stringify(info));
    }
  });

  test("a title that cannot be read is reported, and its installations are found by what they say themselves", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const made = await install(root);
    const file = join(made.dir, "..", "title");
    for (const content of ["{", JSON.stringify({ schemaVersion: 1, title: "another" })]) {
      writeFileSync(file, content);
      expect(await collect(root.installations.list())).toEqual([
        expect.objectContaining({ kind: "broken", file: join(file), name: expect.stringMatching(/^apps\/app-/) }),
        made,
      ]);
    }
    expect((await failureOf(install(root))).metadata.file).toBe(join(file));
  });

  test.each(["current", "version"])("a %s link that leads elsewhere is not followed", async (link) => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const tree = await makeTree(root);
    const installation = await root.installations.read(tree.installation);
    const place = link === "current" ? installation.dir : (await root.instances.read(tree.running)).dir;
    for (const target of ["/etc", "../../../../etc", "..", "instances", "0001-20261122T091500Z/../../.."]) {
      rmSync(join(place, link));
      symlinkSync(target, join(place, link));
      const failure = await failureOf(
        link === "current" ? root.installations.read(tree.installation) : root.instances.read(tree.running),
      );
      expect(failure.metadata.file).toBe(join(place, link));
    }
    expect(await listBroken(root)).toHaveLength(1);
  });

  test("a link in the place of an installation is not uninstalled where it leads", async () => {
    await using dir = await tempDir();
    await using elsewhere = await tempDir();
    await using root = await open(dir.path);
    const { installation } = await makeTree(root);
    const { dir: place } = await root.installations.read(installation);
    rmSync(place, { recursive: true });
    symlinkSync(elsewhere.path, place);
    const failure = await failureOf(root.installations.claimUninstall(installation));
    expect(failure).toMatchObject({ reason: "STORE_CORRUPT", metadata: { file: place } });
    expect(readdirSync(elsewhere.path)).toEqual([]);
  });

  test("what is no directory in the place of an object is that object, broken; strange names are nobody's", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const tree = await makeTree(root);
    const { dir: place } = await root.instances.read(tree.running);
    rmSync(place, { recursive: true });
    symlinkSync(join(place, "..", `stopped-instance-${tree.stopped.instance}`), place);
    writeFileSync(join(place, "..", "instance-"), "");
    mkdirSync(join(place, "..", "instance-UPPER"));
    mkdirSync(join(dir.path, "app-short"));
    expect((await listBroken(root)).map((record) => record.file)).toEqual([place]);
    expect((await failureOf(root.instances.read(tree.running))).metadata.file).toBe(place);
  });
});

async function makeTree(root: Root): Promise<Tree> {
  const { name: installation } = await install(root);
  const running = await runInstance(root, await createInstance(root, installation));
  const suspended = await runInstance(root, await createInstance(root, installation));
  await root.instances.claimSuspend(suspended);
  const at = new Date(0);
  await root.instances.finishSuspend(suspended, {
    suspension: { by: "operator", why: "asked", at },
    lastExit: { exit: { kind: "code", code: 0 }, at, lastLines: "" },
  });
  const stopped = await createInstance(root, installation);
  await root.instances.claimStop(stopped);
  await root.instances.finishStop(stopped);
  const other = await install(root, { title: "bystander" });
  const bystander = await runInstance(root, await createInstance(root, other.name));
  return { root, installation, running, suspended, stopped, bystander };
}

async function inInstance(tree: Tree, name: InstanceName, file: string): Promise<{ file: string; name: InstanceName }> {
  return { file: join((await tree.root.instances.read(name)).dir, file), name };
}

async function listBroken(root: Root): Promise<BrokenRecord[]> {
  const broken: BrokenRecord[] = [];
  for await (const installation of root.installations.list()) {
    if (installation.kind === "broken") {
      broken.push(installation);
    }
  }
  for (const title of [TITLE]) {
    for await (const installation of root.installations.list({ title })) {
      const name = installation.kind === "installation" ? installation.name : undefined;
      for await (const instance of name ? root.instances.list(name, { stopped: true }) : []) {
        if (instance.kind === "broken") {
          broken.push(instance);
        }
      }
    }
  }
  return broken;
}
