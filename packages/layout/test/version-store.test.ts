import { mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { decodeEnvelope, type Envelope, type InstallationName } from "@nodemanager/core";
import { type InstallationRecord, nodeFs, type Root, type VersionRecord } from "@nodemanager/layout";
import { FakeClock, reasonOf, tempDir } from "@nodemanager/testing";
import { describe, expect, test } from "vitest";
import { BINARY, createInstance, install, launch, open, SHA256, TITLE } from "./support/fixture.ts";
import { lines, RecordingFs } from "./support/recording-fs.ts";

const ORIGIN = "file:/repository/redis";

function version(text: string): Envelope {
  const binary = { sha256: SHA256, sizeBytes: BINARY.length };
  return decodeEnvelope({ title: TITLE, version: text, binary }, "a test");
}

async function update(root: Root, name: InstallationName, text: string, requestId?: string): Promise<VersionRecord> {
  const from = await root.installations.currentVersion(name);
  return await root.installations.versions.add(name, { envelope: version(text), origin: ORIGIN, from, requestId });
}

/** An installation that was updated so many times. */
async function updated(root: Root, times: number): Promise<InstallationRecord> {
  const { name } = await install(root);
  for (let i = 1; i <= times; i++) {
    await update(root, name, `${i + 1}.0.0`);
  }
  return await root.installations.read(name);
}

function versionsIn({ dir }: { readonly dir: string }): string[] {
  return readdirSync(dir)
    .filter((name) => /^\d{4}-/.test(name))
    .map((name) => name.slice(0, 4))
    .sort();
}

describe("a version that is added", () => {
  test("is current, with what was said at installation, and knows the one before it", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const before = await install(root);
    const added = await update(root, before.name, "2.0.0", "r-1");
    const after = await root.installations.read(before.name);
    expect(after).toEqual({ ...before, versionDir: added.dir, envelope: version("2.0.0"), origin: ORIGIN });
    expect(readlinkSync(join(added.dir, "previous"))).toBe(`../${basename(before.versionDir)}`);
    expect(await root.installations.versions.previous(added.dir)).toBe(before.versionDir);
    expect(await root.installations.versions.previous(before.versionDir)).toBeUndefined();
    expect(await root.installations.versions.lastMove(before.name)).toMatchObject({
      from: basename(before.versionDir),
      to: basename(added.dir),
      requestId: "r-1",
    });
  });

  test("comes after all that there are, whatever the clock says and wherever current is", async () => {
    await using dir = await tempDir();
    const clock = new FakeClock();
    await using root = await open(dir.path, { clock });
    const { name, versionDir: first } = await install(root);
    const { dir: second } = await update(root, name, "2.0.0");
    await root.installations.versions.switchTo(name, { from: second, to: first });
    clock.jump("1999-01-01T00:00:00Z");
    const third = await update(root, name, "3.0.0");
    expect(basename(third.dir)).toBe("0003-19990101T000000Z");
    expect(await root.installations.versions.previous(third.dir)).toBe(first);
  });

  test("is whole and named before the document, and the document before current; each is synced", async () => {
    await using dir = await tempDir();
    const fs = new RecordingFs();
    await using root = await open(dir.path, { fs });
    const { name, dir: place } = await install(root);
    const start = fs.changes.length;
    await update(root, name, "2.0.0");
    const steps = lines(fs.changes.slice(start), place);
    expect(steps.slice(steps.indexOf("rename .incoming-A 0002-20261122T091500Z"))).toEqual([
      "rename .incoming-A 0002-20261122T091500Z",
      "syncDir .",
      "create .incoming-B",
      "write .incoming-B",
      "fsync .incoming-B",
      "close .incoming-B",
      "rename .incoming-B moved.json",
      "symlink 0002-20261122T091500Z .incoming-current-C",
      "rename .incoming-current-C current",
      "syncDir .",
    ]);
  });

  test("is not there when another one became current meanwhile, the caller left, or its binary is missing", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const { name, versionDir: from, dir: place } = await install(root);
    const add = (o: object) =>
      root.installations.versions.add(name, { envelope: version("3.0.0"), origin: ORIGIN, from, ...o });
    const missing = { ...version("3.0.0"), binary: { sha256: "0".repeat(64), sizeBytes: 1 } };
    expect(await reasonOf(add({ envelope: missing }))).toBe("BINARY_NOT_FOUND");
    expect(await reasonOf(add({ signal: AbortSignal.abort() }))).toBe("CANCELLED");
    await update(root, name, "2.0.0");
    expect(await reasonOf(add({}))).toBe("OPERATION_IN_PROGRESS");
    expect(versionsIn({ dir: place })).toEqual(["0001", "0002"]);
    expect(readdirSync(place).filter((entry) => entry.startsWith(".incoming"))).toEqual([]);
  });

  test("of several at once one wins", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const before = await install(root);
    const all = await Promise.allSettled(["2.0.0", "3.0.0", "4.0.0"].map((text) => update(root, before.name, text)));
    expect(all.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected", "rejected"]);
    const lost = all.filter((result) => result.status === "rejected");
    expect(lost.map(({ reason }) => reason.reason)).toEqual(["OPERATION_IN_PROGRESS", "OPERATION_IN_PROGRESS"]);
    expect(versionsIn(before)).toEqual(["0001", "0002"]);
  });

  test("is never current after an uninstallation was claimed, however close they are", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const { name, dir: place } = await install(root);
    const [added, claimed] = await Promise.allSettled([
      update(root, name, "2.0.0"),
      root.installations.claimUninstall(name),
    ]);
    expect(claimed.status).toBe("fulfilled");
    expect(readdirSync(place)).not.toContain("current");
    if (added.status === "rejected") {
      expect(added.reason.reason).toBe("INSTALLATION_UNINSTALLED");
      expect(versionsIn({ dir: place })).toEqual(["0001"]);
    }
    expect(await reasonOf(update(root, name, "3.0.0"))).toBe("INSTALLATION_UNINSTALLED");
    await root.installations.finishUninstall(name);
    expect(await reasonOf(update(root, name, "3.0.0"))).toBe("INSTALLATION_UNINSTALLED");
    await root.installations.retire(name);
    expect(await reasonOf(update(root, name, "3.0.0"))).toBe("INSTALLATION_NOT_FOUND");
  });

  test("a claimed uninstallation counts before a current that is there all the same", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const { name, dir: place, versionDir } = await install(root);
    await root.installations.claimUninstall(name);
    symlinkSync(basename(versionDir), join(place, "current"));
    expect(await reasonOf(root.installations.currentVersion(name))).toBe("INSTALLATION_UNINSTALLED");
    expect(await reasonOf(root.instances.create(name))).toBe("INSTALLATION_UNINSTALLED");
  });
});

describe("a switch", () => {
  test("needs a version that is whole, and changes nothing otherwise", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const { name, versionDir: from } = await updated(root, 1);
    const to = (await root.installations.versions.previous(from)) ?? "";
    rmSync(join(to, "bin"));
    expect(await reasonOf(root.installations.versions.switchTo(name, { from, to }))).toBe("STORE_CORRUPT");
    expect(await root.installations.currentVersion(name)).toBe(from);
    expect(await root.installations.versions.lastMove(name)).toMatchObject({ to: basename(from) });
  });
});

describe("previous", () => {
  test.each([
    { what: "a file", make: (link: string) => writeFileSync(link, "0001") },
    { what: "a directory", make: (link: string) => mkdirSync(link) },
    { what: "a link elsewhere", make: (link: string) => symlinkSync("../../../etc", link) },
    { what: "an absolute link", make: (link: string) => symlinkSync("/etc", link) },
    // A revert along these would go nowhere, and say that it had moved.
    { what: "a link to itself", make: (link: string) => symlinkSync(`../${basename(dirname(link))}`, link) },
    { what: "a link to a later one", make: (link: string) => symlinkSync("../0099-20260701T000000Z", link) },
  ])("that is $what is corrupt", async ({ make }) => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const { versionDir } = await updated(root, 1);
    unlinkSync(join(versionDir, "previous"));
    make(join(versionDir, "previous"));
    expect(await reasonOf(root.installations.versions.previous(versionDir))).toBe("STORE_CORRUPT");
  });

  test("that was removed is none", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const { versionDir } = await updated(root, 1);
    rmSync((await root.installations.versions.previous(versionDir)) ?? "", { recursive: true });
    expect(await root.installations.versions.previous(versionDir)).toBeUndefined();
  });
});

describe("collecting", () => {
  test("leaves the current version, the one before it, the newest, and those that instances are on", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const made = await install(root);
    const { name } = made;
    await update(root, name, "2.0.0");
    const pinning = await root.instances.create(name);
    const stopped = await (async () => {
      await update(root, name, "3.0.0");
      return await root.instances.create(name);
    })();
    for (const text of ["4.0.0", "5.0.0", "6.0.0"]) {
      await update(root, name, text);
    }
    await root.instances.claimStop(stopped.name);
    await root.instances.finishStop(stopped.name);
    const collect = (keep: number) => root.installations.versions.collect(name, { keep });
    expect((await collect(4)).map((path) => basename(path).slice(0, 4))).toEqual(["0001"]);
    expect(versionsIn(made)).toEqual(["0002", "0003", "0004", "0005", "0006"]);
    await collect(1);
    expect(versionsIn(made)).toEqual(["0002", "0005", "0006"]);
    // After a revert, the newest are not those in use.
    const { versionDir: from } = await root.installations.read(name);
    const to = (await root.installations.versions.previous(from)) ?? "";
    await root.installations.versions.switchTo(name, { from, to });
    expect(await collect(1)).toEqual([]);
    await root.instances.retire(pinning.name);
    await collect(1);
    expect(versionsIn(made)).toEqual(["0005", "0006"]);
  });

  test("goes by when a version was followed, as its successor's name says", async () => {
    await using dir = await tempDir();
    const clock = new FakeClock("2026-01-01T00:00:00Z");
    await using root = await open(dir.path, { clock });
    const made = await install(root);
    for (const day of ["02", "03", "04"]) {
      clock.jump(`2026-01-${day}T00:00:00Z`);
      await update(root, made.name, "2.0.0");
    }
    const before = new Date("2026-01-02T12:00:00Z");
    await root.installations.versions.collect(made.name, { keep: 1, before });
    expect(versionsIn(made)).toEqual(["0002", "0003", "0004"]);
    await root.installations.versions.collect(made.name, { keep: 1 });
    expect(versionsIn(made)).toEqual(["0003", "0004"]);
  });

  test("keeps what an instance on trial may go back to", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const made = await install(root);
    const instance = await createInstance(root, made.name);
    for (const text of ["2.0.0", "3.0.0", "4.0.0"]) {
      await update(root, made.name, text);
    }
    const to = await root.installations.currentVersion(made.name);
    await root.instances.moves.move(instance, { to, trial: true });
    await root.installations.versions.collect(made.name, { keep: 1 });
    expect(versionsIn(made)).toEqual(["0001", "0003", "0004"]);
    await root.instances.moves.keep(instance);
    await root.installations.versions.collect(made.name, { keep: 1 });
    expect(versionsIn(made)).toEqual(["0003", "0004"]);
  });

  test("removes nothing that it cannot judge: an instance whose pin is broken, an uninstallation", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const made = await updated(root, 3);
    const instance = await root.instances.create(made.name);
    unlinkSync(join(instance.dir, "version"));
    writeFileSync(join(instance.dir, "version"), "");
    expect(await root.installations.versions.collect(made.name, { keep: 1 })).toEqual([]);
    await root.instances.retire(instance.name);
    await root.installations.claimUninstall(made.name);
    expect(await root.installations.versions.collect(made.name, { keep: 1 })).toEqual([]);
    expect(versionsIn(made)).toEqual(["0001", "0002", "0003", "0004"]);
  });

  test("never takes the version of an instance that is just being made", async () => {
    await using dir = await tempDir();
    const { promise: gate, resolve: release } = Promise.withResolvers<void>();
    const { promise: building, resolve: begins } = Promise.withResolvers<void>();
    const fs = {
      ...nodeFs,
      async mkdir(path: string, mode: number) {
        if (basename(dirname(path)) === "instances") {
          begins();
          await gate;
        }
        await nodeFs.mkdir(path, mode);
      },
    };
    await using root = await open(dir.path, { fs });
    const made = await install(root);
    const creating = root.instances.create(made.name);
    await building;
    await update(root, made.name, "2.0.0");
    await update(root, made.name, "3.0.0");
    expect(await root.installations.versions.collect(made.name, { keep: 1 })).toEqual([]);
    release();
    const instance = await creating;
    expect((await root.instances.version(instance)).dir).toBe(made.versionDir);
    await root.instances.retire(instance.name);
    await root.installations.versions.collect(made.name, { keep: 1 });
    expect(versionsIn(made)).toEqual(["0002", "0003"]);
  });

  test("never takes the version that an instance goes back to while it is looked for", async () => {
    await using dir = await tempDir();
    const fs = new (class extends RecordingFs {
      onMove: (() => Promise<void>) | undefined;
      override async readFile(path: string, maxBytes: number): Promise<Uint8Array> {
        const { onMove } = this;
        if (onMove && basename(path) === "moved") {
          this.onMove = undefined;
          await onMove();
        }
        return await super.readFile(path, maxBytes);
      }
    })();
    await using root = await open(dir.path, { fs });
    const { name, versionDir: from } = await install(root);
    const instance = await createInstance(root, name);
    for (const version of ["2.0.0", "3.0.0"]) {
      await update(root, name, version);
    }
    const { dir: to } = await update(root, name, "4.0.0");
    await root.instances.moves.move(instance, { to, trial: true });
    let goingBack: Promise<void> | undefined;
    fs.onMove = async () => {
      goingBack = root.instances.moves.goBack(instance);
      // These steps need nothing but turns of the event loop: it is done by then, unless it waits.
      await setImmediate();
    };
    await root.installations.versions.collect(name, { keep: 1 });
    await goingBack;
    expect((await root.instances.version(await root.instances.read(instance))).dir).toBe(from);
  });

  test("asks about each, and leaves what it is told to", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const made = await updated(root, 3);
    const asked: string[] = [];
    const each = async (path: string) => {
      asked.push(basename(path).slice(0, 4));
      return false;
    };
    expect(await root.installations.versions.collect(made.name, { keep: 1, each })).toEqual([]);
    expect(asked).toEqual(["0001", "0002"]);
    expect(versionsIn(made)).toEqual(["0001", "0002", "0003", "0004"]);
  });
});

test("an instance that runs keeps its version, whatever becomes current", async () => {
  await using dir = await tempDir();
  await using root = await open(dir.path);
  const { name, versionDir } = await install(root);
  const instance = await createInstance(root, name);
  await root.instances.claimLaunch(instance, launch());
  await root.instances.markReady(instance, { attempt: "one" });
  await update(root, name, "2.0.0");
  expect(await root.instances.read(instance)).toMatchObject({ state: "running", versionDir });
});
