import { chmodSync, chownSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Account, AccountRange } from "@nodemanager/core";
import { nodeFs, openRoot, type Root } from "@nodemanager/layout";
import { failureOf, reasonOf, tempDir } from "@nodemanager/testing";
import { describe, expect, test } from "vitest";
import { access, envelope, install, ACCOUNT as OWN, open, putBinary, SELF, SHA256, TITLE } from "./support/fixture.ts";

const isRoot = process.geteuid?.() === 0;
const RANGE: AccountRange = { first: 1_879_100_000, last: 1_879_100_002 };

async function openPassable(dir: string): Promise<Root> {
  return await openRoot(dir, { self: SELF, isAlive: () => false, passable: true });
}

async function installAs(root: Root, account: Account | undefined) {
  await putBinary(root);
  return await root.installations.install({ title: TITLE, envelope: envelope(), origin: "file:/r/redis", account });
}

const SELF_OWNED = `${process.geteuid?.()}:${process.getegid?.()}`;
const own = (mode: string, owner = SELF_OWNED) => `${mode} ${owner}`;

describe("an installation with an account", () => {
  test("lets its group in and nobody else, and keeps its documents to the manager", async () => {
    await using dir = await tempDir();
    await using root = await openPassable(dir.path);
    const made = await installAs(root, OWN);
    const { name } = await root.instances.create(made.name);
    const { dir: place, rootDir, logsDir } = await root.instances.read(name);
    expect({
      root: access(root.dir),
      run: access(root.runDir),
      app: access(dirname(made.dir)),
      installation: access(made.dir),
      settings: access(join(made.dir, "settings.json")),
      version: access(made.versionDir),
      binary: access(join(made.versionDir, "bin")),
      envelope: access(join(made.versionDir, "envelope.json")),
      instances: access(dirname(place)),
      instance: access(place),
      document: access(join(place, "instance.json")),
      workspace: access(rootDir),
      logs: access(logsDir),
      blobs: access(join(root.dir, "blobs")),
      manager: access(join(root.dir, "node-manager")),
    }).toEqual({
      root: own("711"),
      run: own("711"),
      app: own("711"),
      installation: own("710", `${process.geteuid?.()}:${OWN.gid}`),
      settings: own("600"),
      version: own("711"),
      binary: own("555"),
      envelope: own("600"),
      instances: own("711"),
      instance: own("711"),
      document: own("600"),
      workspace: own("700", `${OWN.uid}:${OWN.gid}`),
      logs: own("1770", `${process.geteuid?.()}:${OWN.gid}`),
      blobs: own("700"),
      manager: own("700"),
    });
    expect((await root.installations.read(made.name)).account).toEqual(OWN);
  });

  test("is found again with it, in an order of fields that is its document's", async () => {
    await using dir = await tempDir();
    await using root = await openPassable(dir.path);
    const named: Account = { ...OWN, kind: "named", name: "www-data" };
    const made = await installAs(root, named);
    expect(JSON.parse(readFileSync(join(made.dir, "settings.json"), "utf8")).account).toEqual(named);
    await root[Symbol.asyncDispose]();
    await using again = await open(dir.path);
    expect((await again.installations.read(made.name)).account).toEqual(named);
  });

  test("does not run as the manager because its account has got lost", async () => {
    await using dir = await tempDir();
    await using root = await openPassable(dir.path);
    const made = await installAs(root, OWN);
    const file = join(made.dir, "settings.json");
    const { account: _, ...rest } = JSON.parse(readFileSync(file, "utf8"));
    writeFileSync(file, JSON.stringify(rest));
    for (const work of [root.installations.read(made.name), root.instances.create(made.name)]) {
      const failure = await failureOf(work);
      expect([failure.reason, failure.metadata]).toEqual(["STORE_CORRUPT", { file, field: "account" }]);
    }
  });

  test.each([
    { kind: "own", uid: 0, gid: 1 },
    { kind: "own", uid: 2 ** 32 - 1, gid: 1 },
    { kind: "own", uid: "7", gid: 7 },
    { kind: "named", name: "", uid: 7, gid: 7 },
    { kind: "other", uid: 7, gid: 7 },
  ])("is broken when its account is %j", async (account) => {
    await using dir = await tempDir();
    await using root = await openPassable(dir.path);
    const made = await installAs(root, OWN);
    const file = join(made.dir, "settings.json");
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), account }));
    expect((await failureOf(root.installations.read(made.name))).metadata).toMatchObject({ file });
  });
});

test("a tree of a manager without accounts goes on as it is, and what is installed beside it gets one", async () => {
  await using dir = await tempDir();
  {
    await using before = await open(dir.path);
    const old = await install(before);
    await before.instances.create(old.name);
    // As version 0.1 made them.
    chmodSync(before.blobs.path(SHA256), 0o500);
    chmodSync(old.versionDir, 0o700);
  }
  await using root = await openPassable(dir.path);
  const [old] = await Array.fromAsync(root.installations.list());
  if (old?.kind !== "installation") {
    throw new Error("the installation is not there");
  }
  expect([old.account, access(old.dir), access(dirname(old.dir))]).toEqual([undefined, own("700"), own("700")]);
  const { name, ...made } = await root.installations.install({
    title: TITLE,
    envelope: envelope(),
    origin: "file:/r/redis",
    account: OWN,
  });
  expect(access(dirname(made.dir))).toBe(own("711"));
  expect(access(join(made.versionDir, "bin"))).toBe(own("555"));
  expect(access(old.dir)).toBe(own("700"));
  const instance = await root.instances.create(old.name);
  expect([access(instance.dir), access(instance.rootDir), access(instance.logsDir)]).toEqual(Array(3).fill(own("700")));
  expect((await root.installations.read(name)).account).toEqual(OWN);
  await root[Symbol.asyncDispose]();
  await using closed = await open(dir.path);
  expect([access(closed.dir), access(closed.runDir)]).toEqual([own("700"), own("700")]);
});

describe("allocating accounts", () => {
  const reserve = async (root: Root) => await root.installations.reserveAccount(RANGE);

  test("gives each its own, the next one first, and again what was not kept", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const [first, second] = [await reserve(root), await reserve(root)];
    first.keep();
    expect([first.id, second.id]).toEqual([RANGE.first, RANGE.first + 1]);
    second[Symbol.dispose]();
    using third = await reserve(root);
    expect(third.id).toBe(RANGE.first + 2);
    using again = await reserve(root);
    // That nothing of the first is on disk is for the disk to say.
    expect([RANGE.first, RANGE.first + 1]).toContain(again.id);
  });

  test("gives concurrent callers different ones, and the last too many its reason", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const got = await Promise.allSettled(Array.from({ length: 4 }, () => reserve(root)));
    const ids = got.flatMap((one) => (one.status === "fulfilled" ? [one.value.id] : []));
    expect(new Set(ids).size).toBe(3);
    expect(await reasonOf(reserve(root))).toBe("ACCOUNTS_EXHAUSTED");
  });

  test.skipIf(!isRoot)("gives none again while a file of it remains (needs root)", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const range = { first: RANGE.first, last: RANGE.first };
    const account = { kind: "own", uid: range.first, gid: range.first } as const;
    const made = await installAs(root, account);
    const isFree = async (path: string) => {
      await using again = await open(path);
      return await again.installations.reserveAccount(range).then(
        () => true,
        (error) => (error.reason === "ACCOUNTS_EXHAUSTED" ? false : error),
      );
    };
    await root[Symbol.asyncDispose]();
    expect(await isFree(dir.path)).toBe(false);
    writeFileSync(join(made.dir, "settings.json"), "damaged");
    expect(await isFree(dir.path)).toBe(false);
    rmSync(join(made.dir, "settings.json"));
    expect(await isFree(dir.path)).toBe(false);

    const app = dirname(made.dir);
    const uninstalled = join(app, "uninstalled-installation-aaaaaaaaaaaaaaaaaaaaaaaaaa");
    renameSync(made.dir, uninstalled);
    expect(await isFree(dir.path)).toBe(false);
    const inApp = join(app, ".deleted-aaaa-1");
    renameSync(uninstalled, inApp);
    expect(await isFree(dir.path)).toBe(false);
    // Half removed: the directory that had the group is gone, the workspace is not.
    const left = join(dir.path, ".deleted-aaaa-2", "more", "root");
    await mkdir(left, { recursive: true });
    chownSync(left, range.first, range.first);
    rmSync(inApp, { recursive: true });
    expect(await isFree(dir.path)).toBe(false);
    rmSync(join(dir.path, ".deleted-aaaa-2"), { recursive: true });
    expect(await isFree(dir.path)).toBe(true);
  });

  test.skipIf(!isRoot)("misses none that is installed while the disk is read (needs root)", async () => {
    await using dir = await tempDir();
    let onRead: (() => Promise<void>) | undefined;
    const fs = {
      ...nodeFs,
      async readdir(path: string) {
        const entries = await nodeFs.readdir(path);
        const work = onRead;
        onRead = undefined;
        await work?.();
        return entries;
      },
    };
    await using root = await open(dir.path, { fs });
    const range = { first: RANGE.first, last: RANGE.first + 1 };
    const first = await root.installations.reserveAccount(range);
    root.installations.forget();
    onRead = async () => {
      await installAs(root, { kind: "own", uid: first.id, gid: first.id });
      first.keep();
    };
    using _ = await root.installations.reserveAccount(range);
    expect(await reasonOf(root.installations.reserveAccount(range))).toBe("ACCOUNTS_EXHAUSTED");
  });

  test("believes what settings say when the directory belongs to somebody else", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const made = await install(root);
    const file = join(made.dir, "settings.json");
    const account = { kind: "own", uid: RANGE.first, gid: RANGE.first };
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), account }));
    using reserved = await reserve(root);
    expect(reserved.id).toBe(RANGE.first + 1);
  });

  test("knows after a removal that one is free, and still takes the next one first", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const made = await installAs(root, isRoot ? { kind: "own", uid: RANGE.first, gid: RANGE.first } : undefined);
    using _ = await reserve(root);
    await root.installations.retire(made.name);
    using next = await reserve(root);
    expect(next.id).toBeGreaterThan(_.id);
    using last = await reserve(root);
    expect(RANGE.first <= last.id && last.id <= RANGE.last).toBe(true);
    expect(await reasonOf(reserve(root))).toBe("ACCOUNTS_EXHAUSTED");
  });
});

test("a root that others may pass is not listed by them, and a wide open one is narrowed", async () => {
  await using dir = await tempDir();
  chmodSync(dir.path, 0o777);
  await using root = await openPassable(dir.path);
  expect(statSync(root.dir).mode & 0o777).toBe(0o711);
});
