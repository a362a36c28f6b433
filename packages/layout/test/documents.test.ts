import { readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { encodeEnvelope } from "@nodemanager/core";
import { failureOf, tempDir } from "@nodemanager/testing";
import { describe, expect, test } from "vitest";
import { createInstance, envelope, install, open, putPackage, runInstance, SHA256 } from "./support/fixture.ts";

const AT = new Date("2026-11-22T11:00:00.000Z");

describe("documents", () => {
  test("fields that this program does not know survive a rewrite, those that it knows are replaced", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const name = await createInstance(root);
    const file = join((await root.instances.read(name)).dir, "suspended");
    const old = { schemaVersion: 1, by: "operator", why: "old", at: AT, requestId: "r", colour: { of: ["later"] } };
    writeFileSync(file, JSON.stringify(old));
    await root.instances.setSuspension(name, { by: "exit", why: "new", at: AT });
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({
      schemaVersion: 1,
      by: "exit",
      why: "new",
      at: AT.toISOString(),
      colour: { of: ["later"] },
    });
  });

  test("one that cannot be read is not rewritten", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const name = await createInstance(root);
    const file = join((await root.instances.read(name)).dir, "suspended");
    writeFileSync(file, '{"schemaVersion":2}');
    const failure = await failureOf(root.instances.setSuspension(name, { by: "exit", why: "new", at: AT }));
    expect(failure.metadata).toEqual({ file, field: "schemaVersion" });
    expect(readFileSync(file, "utf8")).toBe('{"schemaVersion":2}');
  });

  test.each([
    { field: "env.LEVEL", change: { env: { LEVEL: 1 } } },
    { field: "args.0", change: { args: [null] } },
    {
      field: "packages.data.format",
      change: { packages: { data: { sha256: "0".repeat(64), sizeBytes: 1, format: "zip" } } },
    },
    { field: "installedAt", change: { installedAt: "yesterday" } },
    { field: "title", change: { title: "another" } },
    { field: "schemaVersion", change: { schemaVersion: "1" } },
  ])("the message names the file and the field $field", async ({ field, change }) => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const { name, dir: place } = await install(root);
    const file = join(place, "settings.json");
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), ...change }));
    const failure = await failureOf(root.installations.read(name));
    expect(failure.metadata).toEqual({ file, field });
    expect(failure.message).toContain(`${file}: ${field} `);
  });

  test("an envelope that a later program wrote more into is read; one that is wrong names its field", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const made = await install(root);
    const file = join(made.versionDir, "envelope.json");
    const envelope = JSON.parse(readFileSync(file, "utf8"));
    writeFileSync(file, JSON.stringify({ ...envelope, limits: { memory: 1 } }));
    expect((await root.installations.read(made.name)).envelope).toEqual(made.envelope);
    writeFileSync(file, JSON.stringify({ ...envelope, readiness: { kind: "telepathy" } }));
    const failure = await failureOf(root.installations.read(made.name));
    expect([failure.reason, failure.metadata.file]).toEqual(["STORE_CORRUPT", file]);
    expect(failure.metadata.field).toMatch(/^readiness/);
  });

  test("are on disk as the README shows them", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const installation = await install(root, { requestId: "r-1" });
    const name = await runInstance(root, await createInstance(root, installation.name));
    const { dir: place } = await root.instances.read(name);
    const found = new Map<string, string>();
    const look = (path: string, names: readonly string[]) => {
      for (const file of names) {
        found.set(file, readFileSync(join(path, file), "utf8"));
      }
    };
    look(root.dir, ["format"]);
    look(dirname(installation.dir), ["title"]);
    look(installation.dir, ["settings.json"]);
    look(installation.versionDir, ["origin.json"]);
    look(place, ["instance.json", "info", "ready"]);
    await root.instances.claimSuspend(name);
    await root.instances.finishSuspend(name, {
      suspension: { by: "operator", why: "asked", at: AT, requestId: "r-2" },
      lastExit: { exit: { kind: "signal", signal: "SIGTERM" }, at: AT, lastLines: "bye\n" },
    });
    look(place, ["suspended", "last-exit"]);
    const { versionDir: from } = installation;
    const next = { envelope: installation.envelope, origin: installation.origin, from, requestId: "r-4" };
    const { dir: to } = await root.installations.versions.add(installation.name, next);
    look(installation.dir, ["moved.json"]);
    await root.instances.moves.move(name, { to, requestId: "r-5", trial: true });
    look(place, ["moved"]);
    await root.instances.claimStop(name);
    await root.instances.finishStop(name, { requestId: "r-3" });
    look((await root.instances.read(name)).dir, ["stopped"]);
    const manager = { binary: root.blobs.path(SHA256), script: "", settings: { root: "/r" }, envelope: {} };
    const { version, dir: workspace } = await root.manager.stage(manager);
    await root.manager.noteTrial(version, { process: { pid: 99, startTicks: 7, bootId: "boot" }, launchId: "one" });
    await root.manager.markHealthy(version);
    look(workspace, ["trial", "healthy"]);
    const versions = { from: version, fromVersion: "1.0.0", to: "0002-20261122T091500Z", toVersion: "2.0.0" };
    await root.manager.noteMove({ kind: "update", ...versions, at: AT, requestId: "r-4" });
    look(dirname(workspace), ["last-move"]);

    const readme = readFileSync(join(import.meta.dirname, "..", "README.md"), "utf8");
    const vectors = new Map(
      [...readme.matchAll(/^([a-z.-]+) +(\{"schemaVersion":1.*\})$/gm)].map(([, file = "", text = ""]) => [
        file,
        `${text}\n`,
      ]),
    );
    expect(found).toEqual(vectors);
    const withPackages = /^settings\.json \(with packages\) (\{.*\})$/m.exec(readme)?.[1];
    const data = await putPackage(root, Buffer.from("colour=red\n"), "file");
    const settings = join((await install(root, { packages: { data } })).dir, "settings.json");
    expect(readFileSync(settings, "utf8")).toBe(`${withPackages}\n`);
    const titles = [...readme.matchAll(/^title "(.*)" -> (app-.*)$/gm)];
    expect(titles.length).toBeGreaterThan(1);
    for (const [, title = "", directory] of titles) {
      expect(basename(dirname((await install(root, { title })).dir))).toBe(directory);
    }
  });

  test("an envelope is kept as it is encoded", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const { versionDir } = await install(root);
    expect(JSON.parse(readFileSync(join(versionDir, "envelope.json"), "utf8"))).toEqual(encodeEnvelope(envelope()));
  });
});
