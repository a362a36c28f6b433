import { lstatSync, mkdirSync, readdirSync, readlinkSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { type InstallationName, newInstallationId, parseTitle } from "@nodemanager/core";
import { collect, FakeClock, failureOf, reasonOf, tempDir } from "@nodemanager/testing";
import { describe, expect, test } from "vitest";
import { createInstance, envelope, install, open, paths, putBinary, SHA256, TITLE } from "./support/fixture.ts";

describe("installing", () => {
  test("what was said is read back, also by another process", async () => {
    await using dir = await tempDir();
    const first = await open(dir.path);
    const made = await install(first, { requestId: "r" });
    expect(made).toMatchObject({
      state: "installed",
      envelope: envelope(),
      origin: "file:/repository/redis",
      env: { LEVEL: "1" },
      args: ["--port", "6379"],
      requestId: "r",
      installedAt: new FakeClock().now(),
    });
    expect(await first.installations.read(made.name)).toEqual(made);
    await first[Symbol.asyncDispose]();
    await using second = await open(dir.path);
    expect(await second.installations.read(made.name)).toEqual(made);
    expect(await collect(second.installations.list())).toEqual([made]);
    expect(await collect(second.installations.list({ title: TITLE }))).toEqual([made]);
    expect(await collect(second.installations.list({ title: parseTitle("other") }))).toEqual([]);
  });

  test("the binary is the blob itself, and stays when the blob goes", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const { versionDir } = await install(root);
    const bin = statSync(join(versionDir, "bin"));
    expect(bin.ino).toBe(statSync(root.blobs.path(SHA256)).ino);
    expect(bin.mode & 0o7777).toBe(0o555);
    expect(await root.blobs.retireUnused(SHA256)).toBe(false);
    await root.blobs.retire(SHA256);
    expect(statSync(join(versionDir, "bin")).nlink).toBe(1);
  });

  test.each([
    { what: "no such blob", reason: "BINARY_NOT_FOUND", sha256: "0".repeat(64) },
    { what: "no digest", reason: "INVALID_ARGUMENT", sha256: "../../etc/passwd" },
  ])("W6: with $what leaves nothing behind", async ({ reason, sha256 }) => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const before = paths(dir.path);
    const o = { title: TITLE, envelope: { ...envelope(), binary: { sha256, sizeBytes: 1 } }, origin: "file:/r/a" };
    expect(await reasonOf(root.installations.install(o))).toBe(reason);
    expect(paths(dir.path)).toEqual(before);
  });

  test("with settings that could not be read back leaves nothing behind", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    await putBinary(root);
    const before = paths(dir.path);
    const o = { title: TITLE, envelope: envelope(), origin: "file:/r/a" };
    const args = [..."0123456789"].map((digit) => digit.repeat(110_000));
    expect(await reasonOf(root.installations.install({ ...o, args }))).toBe("INVALID_ARGUMENT");
    expect(paths(dir.path)).toEqual(before);
    const { name } = await root.installations.install({ ...o, args: args.slice(1) });
    expect((await root.installations.read(name)).args).toHaveLength(9);
  });

  test("W6: with a blob that is not whole leaves nothing behind", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    await putBinary(root);
    const before = paths(dir.path);
    const wrong = { ...envelope(), binary: { sha256: SHA256, sizeBytes: 1 } };
    const o = { title: TITLE, envelope: wrong, origin: "file:/r/a" };
    expect(await reasonOf(root.installations.install(o))).toBe("SIZE_MISMATCH");
    expect(paths(dir.path)).toEqual(before);
  });

  test("W7: links are relative, and the tree works wherever it is moved to", async () => {
    await using dir = await tempDir();
    const first = await open(join(dir.path, "here"));
    const { name, dir: place } = await install(first);
    expect(readlinkSync(join(place, "current"))).toMatch(/^0001-/);
    await first[Symbol.asyncDispose]();
    mkdirSync(join(dir.path, "else"));
    renameSync(join(dir.path, "here"), join(dir.path, "else", "where"));
    await using root = await open(join(dir.path, "else", "where"));
    expect((await root.installations.read(name)).versionDir.startsWith(root.dir)).toBe(true);
  });

  test("W8: a version's directory has a number that orders and the time in UTC", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path, { clock: new FakeClock("2026-11-22T23:59:59.999+05:30") });
    const { versionDir } = await install(root);
    expect(versionDir.slice(versionDir.lastIndexOf("/") + 1)).toBe("0001-20261122T182959Z");
  });

  test("W9: ids do not depend on the time, and a taken one is refused", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    await putBinary(root);
    const made = await Promise.all(Array.from({ length: 20 }, () => install(root)));
    expect(new Set(made.map(({ name }) => name.installation)).size).toBe(20);
    const id = newInstallationId();
    const o = { title: TITLE, id, envelope: envelope(), origin: "file:/r/a" };
    const twice = await Promise.allSettled([root.installations.install(o), root.installations.install(o)]);
    expect(twice.map((result) => result.status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(await reasonOf(root.installations.install(o))).toBe("ALREADY_EXISTS");
    expect(await collect(root.installations.list())).toHaveLength(21);
    expect(paths(dir.path).filter((path) => path.includes(".incoming"))).toEqual([]);
  });

  test("W10: a directory is named by the title's SHA-256, and the title is known from the tree", async () => {
    await using dir = await tempDir();
    const titles = ["redis", "ünï 🦊 ~ %2F .. \\", ".", "..", "a".repeat(128)];
    const first = await open(dir.path);
    for (const title of titles) {
      await install(first, { title });
    }
    await first[Symbol.asyncDispose]();
    expect(readdirSync(dir.path)).toContain("app-34fb46c847bb9df96e5205a39d382f64");
    await using root = await open(dir.path);
    const found = (await collect(root.installations.list())).map((record) =>
      record.kind === "installation" ? record.name.title : record.error.message,
    );
    expect(found.sort()).toEqual(titles.sort());
  });

  test("a request finds what it made, in this process and the next, until it is gone", async () => {
    await using dir = await tempDir();
    const first = await open(dir.path);
    const made = await install(first, { requestId: "r" });
    expect((await first.installations.findByRequest("r"))?.name).toEqual(made.name);
    const later = await install(first, { requestId: "s" });
    expect((await first.installations.findByRequest("s"))?.name).toEqual(later.name);
    expect(await first.installations.findByRequest("t")).toBeUndefined();
    await first[Symbol.asyncDispose]();
    await using root = await open(dir.path);
    expect((await root.installations.findByRequest("r"))?.name).toEqual(made.name);
    await root.installations.retire(made.name);
    expect(await root.installations.findByRequest("r")).toBeUndefined();
  });
});

describe("D9: the states of an installation", () => {
  test("installed, uninstalling, uninstalled, gone; each step once", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const { name } = await install(root);
    expect((await root.installations.read(name)).state).toBe("installed");
    expect(await reasonOf(root.installations.finishUninstall(name))).toBe("OPERATION_IN_PROGRESS");
    expect((await root.installations.read(name)).state).toBe("installed");

    await root.installations.claimUninstall(name, { requestId: "r" });
    const claimed = await root.installations.read(name);
    expect(claimed.state).toBe("uninstalling");
    expect(await reasonOf(root.installations.claimUninstall(name))).toBe("INSTALLATION_UNINSTALLED");
    expect(await root.installations.read(name)).toEqual(claimed);

    await root.installations.finishUninstall(name);
    expect(await reasonOf(root.installations.read(name))).toBe("INSTALLATION_NOT_FOUND");
    expect(await collect(root.installations.list())).toEqual([]);
    expect(await collect(root.installations.uninstalled())).toEqual([name]);
    expect(await reasonOf(root.installations.claimUninstall(name))).toBe("INSTALLATION_UNINSTALLED");
    expect(await reasonOf(root.installations.finishUninstall(name))).toBe("INSTALLATION_UNINSTALLED");

    expect(await root.installations.uninstallation(name)).toMatchObject({ requestId: "r", at: expect.any(Date) });
    await root.installations.retire(name);
    expect(await root.installations.uninstallation(name)).toBeUndefined();
    expect(await collect(root.installations.uninstalled())).toEqual([]);
    expect(await reasonOf(root.installations.claimUninstall(name))).toBe("INSTALLATION_NOT_FOUND");
    expect(await reasonOf(root.installations.retire(name))).toBe("INSTALLATION_NOT_FOUND");
  });

  test("one that was never there has no state and no transition", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const name: InstallationName = { kind: "installation", title: TITLE, installation: newInstallationId() };
    for (const act of ["read", "claimUninstall", "finishUninstall", "retire"] as const) {
      expect(await reasonOf(root.installations[act](name))).toBe("INSTALLATION_NOT_FOUND");
    }
  });

  test("of twenty that claim the uninstallation at once one wins and nineteen get the reason", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const { name } = await install(root);
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => root.installations.claimUninstall(name)));
    const lost = results.filter((result) => result.status === "rejected");
    expect(lost).toHaveLength(19);
    for (const result of lost) {
      expect(result.reason).toMatchObject({ reason: "INSTALLATION_UNINSTALLED" });
    }
  });

  test("an instance that is created while the uninstallation is claimed is refused or found", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    for (let round = 0; round < 20; round += 1) {
      const { name } = await install(root);
      const [claimed, created] = await Promise.allSettled([
        root.installations.claimUninstall(name),
        createInstance(root, name),
      ]);
      expect(claimed.status).toBe("fulfilled");
      const found = await collect(root.instances.list(name));
      expect(found).toHaveLength(created.status === "fulfilled" ? 1 : 0);
    }
  });
});

describe("sweep and reset", () => {
  test("the directory of an application goes with its last installation", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const { name } = await install(root);
    const other = await install(root, { title: "other" });
    await root.installations.retire(name);
    expect((await root.sweep()).removed).toEqual([join(dir.path, "app-34fb46c847bb9df96e5205a39d382f64")]);
    expect(await collect(root.installations.list())).toEqual([other]);
  });

  test("a sweep leaves alone what this process is making", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    await using writer = await root.blobs.begin({ sha256: SHA256, sizeBytes: 1 });
    await writer.write(new Uint8Array(1));
    expect(await root.sweep()).toEqual({ removed: [], problems: [] });
    await writer.commit();
    expect(await root.blobs.size(SHA256)).toBe(1);
  });

  test("a sweep beside installations keeps every application that has one", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    await putBinary(root);
    for (let round = 0; round < 10; round += 1) {
      const { name } = await install(root);
      await root.installations.retire(name);
      const [made] = await Promise.all([install(root), root.sweep()]);
      expect((await root.installations.read(made.name)).state).toBe("installed");
      await root.installations.retire(made.name);
    }
  });

  test("a reset leaves a root that is as after its first opening, and the manager's own workspaces", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const binary = async () => {
      await putBinary(root);
      return root.blobs.path(SHA256);
    };
    await root.manager.stage({ binary: await binary(), script: "", settings: {}, envelope: {} });
    await createInstance(root, (await install(root, { requestId: "r" })).name);
    mkdirSync(join(dir.path, "something-else"));
    await root.reset();
    expect(paths(dir.path).filter((path) => !path.startsWith("node-manager/0001"))).toEqual([
      "blobs/",
      "blobs/sha256/",
      "format",
      "node-manager/",
      "run/",
    ]);
    expect(await collect(root.manager.list())).toHaveLength(1);
    expect(await root.installations.findByRequest("r")).toBeUndefined();
    const again = await install(root);
    expect(lstatSync(again.dir).isDirectory()).toBe(true);
    expect(
      await failureOf(root.installations.retire({ ...again.name, installation: newInstallationId() })),
    ).toMatchObject({ reason: "INSTALLATION_NOT_FOUND" });
  });
});
