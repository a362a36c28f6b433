import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { openRoot, type Root } from "@nodemanager/layout";
import { FakeClock, tarOf, tempDir } from "@nodemanager/testing";
import { describe, expect, test } from "vitest";
import {
  createInstance,
  envelope,
  install,
  launch,
  open,
  putBinary,
  putPackage,
  runInstance,
  SELF,
  SHA256,
  TITLE,
} from "./support/fixture.ts";
import { lines, RecordingFs } from "./support/recording-fs.ts";

/** The changes that `work` makes on a root, after what `before` made. */
async function recorded<T>(
  before: (root: Root) => Promise<T>,
  work: (root: Root, found: T) => Promise<unknown>,
  below: (root: Root, found: T) => Promise<string> = async (root) => root.dir,
): Promise<string[]> {
  await using dir = await tempDir();
  const fs = new RecordingFs();
  await using root = await open(dir.path, { fs });
  const found = await before(root);
  const base = await below(root, found);
  const start = fs.changes.length;
  await work(root, found);
  return lines(fs.changes.slice(start), base);
}

const instanceDir = async (root: Root, name: Parameters<Root["instances"]["read"]>[0]) =>
  (await root.instances.read(name)).dir;

describe("the order of the steps", () => {
  test("a document is written beside its place, synced, renamed, and its directory synced", async () => {
    const at = new Date(0);
    expect(
      await recorded(
        createInstance,
        (root, name) => root.instances.setSuspension(name, { by: "operator", why: "asked", at }),
        instanceDir,
      ),
    ).toEqual([
      "create .incoming-A",
      "write .incoming-A",
      "fsync .incoming-A",
      "close .incoming-A",
      "rename .incoming-A suspended",
      // Once an installation in a process: its predecessor may not have come to it.
      "syncDir ..",
      "syncDir .",
    ]);
  });

  test("a claim is written under a name of its own, synced and linked, and nothing else is waited for", async () => {
    expect(
      await recorded(createInstance, (root, name) => root.instances.claimLaunch(name, launch()), instanceDir),
    ).toEqual([
      "create .incoming-A",
      "write .incoming-A",
      "fsync .incoming-A",
      "close .incoming-A",
      "link .incoming-A info",
      "unlink .incoming-A",
    ]);
  });

  test("a claim is taken over by one rename", async () => {
    expect(await recorded(runInstance, (root, name) => root.instances.claimSuspend(name), instanceDir)).toEqual([
      "rename info info.suspending",
    ]);
  });

  test("a launch becomes ready with one sync of the directory, after its document and without the suspension", async () => {
    expect(
      await recorded(
        async (root) => {
          const name = await createInstance(root);
          await root.instances.claimLaunch(name, launch());
          return name;
        },
        (root, name) => root.instances.markReady(name, { attempt: "one" }),
        instanceDir,
      ),
    ).toEqual([
      "create .incoming-A",
      "write .incoming-A",
      "fsync .incoming-A",
      "close .incoming-A",
      "rename .incoming-A ready",
      "unlink suspended",
      "syncDir ..",
      "syncDir .",
    ]);
  });

  test("a tree has all its files and directories synced before the one rename, and its place after it", async () => {
    const steps = await recorded(
      install,
      (root, installation) => root.instances.create(installation.name),
      async (_, installation) => join(installation.dir, "instances"),
    );
    const rename = steps.findIndex((step) => /^rename \.incoming-A instance-[a-z2-7]{26}$/.test(step));
    expect(rename).toBeGreaterThan(0);
    expect(steps.slice(rename + 1)).toEqual(["syncDir ."]);
    expect(steps.filter((step) => step.startsWith("rename"))).toHaveLength(1);
    expect(steps.slice(0, rename).filter((step) => /^(fsync|syncDir)/.test(step))).toEqual([
      "fsync .incoming-A/instance.json",
      "fsync .incoming-A/suspended",
      "syncDir .incoming-A",
    ]);
  });

  test("a start syncs two documents and its directory before its process may run, and the rest before it is acknowledged", async () => {
    const steps = await recorded(
      install,
      async (root, { name: installation }) => {
        const { name } = await root.instances.create(installation, { durable: false });
        await root.instances.claimLaunch(name, launch());
        await root.instances.markReady(name, { attempt: "one" });
        await root.instances.claimSuspend(name);
        await root.instances.finishSuspend(name);
      },
      async (_, installation) => join(installation.dir, "instances"),
    );
    const short = steps.map((step) => step.replaceAll(/instance-[a-z2-7]{26}/g, "I"));
    expect(short.filter((step) => /^(fsync|syncDir|rename|link)/.test(step))).toEqual([
      "fsync .incoming-A/instance.json",
      "fsync .incoming-A/suspended",
      "syncDir .incoming-A",
      "rename .incoming-A I",
      "fsync I/.incoming-B",
      "link I/.incoming-B I/info",
      "fsync I/.incoming-C",
      "rename I/.incoming-C I/ready",
      "syncDir .",
      "syncDir I",
      "rename I/info I/info.suspending",
      "syncDir I",
    ]);
  });

  test("an installation has every file and every directory with something in it synced before the rename", async () => {
    const steps = await recorded(putBinary, (root) => install(root));
    const rename = steps.findIndex((step) => step.startsWith("rename .incoming-A app-"));
    expect(steps.slice(rename + 1)).toEqual(["syncDir ."]);
    const synced = steps.slice(0, rename).filter((step) => /^(fsync|syncDir)/.test(step));
    expect(synced.map((step) => step.replace(/installation-\w+/, "I").replace(/0001-\w+/, "V")).sort()).toEqual([
      "fsync .incoming-A/I/V/envelope.json",
      "fsync .incoming-A/I/V/origin.json",
      "fsync .incoming-A/I/settings.json",
      "fsync .incoming-A/title",
      "syncDir .incoming-A",
      "syncDir .incoming-A/I",
      "syncDir .incoming-A/I/V",
    ]);
    // Nothing is written after its sync.
    for (const file of ["title", "settings.json", "envelope.json", "origin.json"]) {
      const write = steps.findLastIndex((step) => step.startsWith("write") && step.endsWith(file));
      const sync = steps.findIndex((step) => step.startsWith("fsync") && step.endsWith(file));
      expect(write).toBeLessThan(sync);
    }
  });

  test("of a package every file is synced after its last byte and its mode, few at a time, and its directories once they are whole", async () => {
    const count = 300;
    const archive = tarOf(...Array.from({ length: count }, (_, at) => ({ name: `d${at % 100}/f${at}`, content: "x" })));
    const steps = await recorded(
      async (root) => await putPackage(root, archive),
      async (root, data) => {
        await putBinary(root);
        await root.installations.install({
          title: TITLE,
          envelope: envelope(),
          packages: { data },
          origin: "file:/r/a",
        });
      },
    );
    const rename = steps.findIndex((step) => step.startsWith("rename .incoming-A app-"));
    const built = steps.slice(0, rename).filter((step) => step.includes("/packages"));
    let open = 0;
    let most = 0;
    for (const step of built) {
      open += Number(step.startsWith("create")) - Number(step.startsWith("close"));
      most = Math.max(most, open);
    }
    expect(open).toBe(0);
    expect(most).toBeLessThanOrEqual(64);
    const at = (step: RegExp) => built.findLastIndex((found) => step.test(found));
    for (let n = 0; n < count; n += 1) {
      const place = `data/d${n % 100}/f${n}$`;
      const order = ["create", "write", "fchmod 444", "fsync", "close"].map((verb) =>
        at(new RegExp(`^${verb} .*${place}`)),
      );
      expect(order).not.toContain(-1);
      expect(order).toEqual([...order].sort((a, b) => a - b));
      expect(at(new RegExp(`^syncDir .*data/d${n % 100}$`))).toBeGreaterThan(order[0] ?? 0);
    }
    expect(at(/^syncDir .*packages\/data$/)).toBeGreaterThan(at(/^mkdir .*packages\/data\/d99$/));
    expect(at(/^syncDir .*packages$/)).toBeGreaterThan(-1);
  });

  test("what is retired leaves its place durably before it is removed", async () => {
    const steps = await recorded(
      async (root) => {
        const name = await runInstance(root);
        await root.instances.claimStop(name);
        await root.instances.finishStop(name);
        return name;
      },
      (root, name) => root.instances.retire(name),
      async (root, name) => join((await root.instances.read(name)).dir, ".."),
    );
    expect(steps.map((step) => step.replace(/instance-[a-z2-7]{26}/, "I"))).toEqual([
      "rename stopped-I .deleted-A",
      "syncDir .",
      "remove .deleted-A",
    ]);
  });

  test("a stopped instance says so before its directory is renamed", async () => {
    const steps = await recorded(
      async (root) => {
        const name = await runInstance(root);
        await root.instances.claimStop(name);
        return name;
      },
      (root, name) => root.instances.finishStop(name),
      async (root, name) => join((await root.instances.read(name)).dir, ".."),
    );
    expect(steps.slice(3).map((step) => step.replaceAll(/instance-[a-z2-7]{26}/g, "I"))).toEqual([
      "close I/.incoming-A",
      "rename I/.incoming-A I/stopped",
      "syncDir I",
      "rename I stopped-I",
      "syncDir .",
    ]);
  });

  test("a link is swapped by a rename over it", async () => {
    const steps = await recorded(
      async (root) => {
        await putBinary(root);
        const binary = root.blobs.path(SHA256);
        return await root.manager.stage({ binary, script: "", settings: {}, envelope: {} });
      },
      (root, workspace) => root.manager.switchTo(join(root.dir, "run", "current"), workspace.version),
    );
    expect(steps).toEqual([
      expect.stringMatching(/^symlink \.\.\/node-manager\/0001-\w+\/noded\.sh run\/\.incoming-current-A$/),
      "rename run/.incoming-current-A run/current",
      "syncDir run",
    ]);
  });

  test("a binary gets its mode before its sync and its name after it", async () => {
    expect(
      await recorded(
        async () => {},
        putBinary,
        async (root) => join(root.dir, "blobs", "sha256"),
      ),
    ).toEqual([
      "create .incoming-A",
      "write .incoming-A",
      "fchmod 555 .incoming-A",
      "fsync .incoming-A",
      "close .incoming-A",
      `rename .incoming-A ${SHA256}`,
      "syncDir .",
    ]);
  });

  test("what goes to quarantine is durable there and gone here before its place is used", async () => {
    const steps = await recorded(
      async (root) => mkdirSync(join(root.blobs.path(SHA256), "below"), { recursive: true }),
      putBinary,
    );
    const at = steps.findIndex((step) => step.startsWith("rename") && step.includes(" quarantine/"));
    expect(steps.slice(at + 1)).toEqual([
      "syncDir blobs/sha256",
      "syncDir quarantine",
      `rename blobs/sha256/.incoming-A blobs/sha256/${SHA256}`,
      "syncDir blobs/sha256",
    ]);
  });

  test("every directory that a new root needs is synced in the one above it", async () => {
    await using dir = await tempDir();
    const fs = new RecordingFs();
    const path = join(dir.path, "a", "b");
    await using _ = await openRoot(path, { self: SELF, isAlive: () => false, fs, clock: new FakeClock() });
    const steps = lines(fs.changes, dir.path).filter((step) => /^(mkdir|syncDir)/.test(step));
    expect(steps).toEqual([
      "mkdir a",
      "syncDir .",
      "mkdir a/b",
      "syncDir a",
      "mkdir a/b/run",
      "syncDir a/b",
      "mkdir a/b/node-manager",
      "syncDir a/b",
      "mkdir a/b/blobs",
      "syncDir a/b",
      "mkdir a/b/blobs/sha256",
      "syncDir a/b/blobs",
    ]);
  });

  test("opening a root that exists syncs its lock and nothing else", async () => {
    await using dir = await tempDir();
    mkdirSync(join(dir.path, "root"), { mode: 0o700 });
    await (await open(join(dir.path, "root")))[Symbol.asyncDispose]();
    const fs = new RecordingFs();
    await using _ = await open(join(dir.path, "root"), { fs });
    expect(lines(fs.changes, dir.path).filter((step) => /sync/.test(step))).toEqual(["fsync root/.incoming-A"]);
  });

  test("reading changes nothing and syncs nothing", async () => {
    const changes = await recorded(runInstance, async (root, name) => {
      const record = await root.instances.read(name);
      expect((await root.instances.version(record)).envelope).toEqual(envelope());
      await Array.fromAsync(root.instances.list({ ...name, kind: "installation" }));
      await Array.fromAsync(root.installations.list());
    });
    expect(changes).toEqual([]);
  });
});
