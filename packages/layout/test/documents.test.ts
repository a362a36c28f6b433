import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { failureOf, tempDir } from "@nodemanager/testing";
import { describe, expect, test } from "vitest";
import { createInstance, install, open, runInstance, SHA256 } from "./support/fixture.ts";

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
    const instance = await root.instances.read(name);
    const text = (...path: string[]) => readFileSync(join(...path), "utf8");
    const now = "2026-11-22T09:15:00.000Z";
    expect(text(root.dir, "format")).toBe('{"schemaVersion":1,"format":1}\n');
    expect(text(installation.dir, "..", "title")).toBe('{"schemaVersion":1,"title":"redis"}\n');
    expect(text(installation.dir, "settings.json")).toBe(
      `{"schemaVersion":1,"title":"redis","requestId":"r-1","installedAt":"${now}",` +
        '"env":{"LEVEL":"1"},"args":["--port","6379"]}\n',
    );
    expect(text(installation.versionDir, "origin.json")).toBe(
      '{"schemaVersion":1,"origin":"file:/repository/redis"}\n',
    );
    expect(text(installation.versionDir, "envelope.json")).toBe(
      '{"schemaVersion":1,"title":"redis","version":"1.2.3","args":[],"env":{},' +
        `"binary":{"sha256":"${SHA256}","sizeBytes":17},` +
        '"readiness":{"kind":"none","settleMs":200,"timeoutMs":30000},' +
        '"stop":{"signal":"SIGTERM","graceMs":10000},"publisher":""}\n',
    );
    expect(text(instance.dir, "instance.json")).toBe(`{"schemaVersion":1,"createdAt":"${now}"}\n`);
    expect(text(instance.dir, "info")).toBe(
      '{"schemaVersion":1,"attempt":"one","process":{"pid":99,"startTicks":7,"bootId":"boot"},' +
        '"startedAt":"2026-11-22T10:00:00.000Z","lifeline":true}\n',
    );
    expect(text(instance.dir, "ready")).toBe(
      `{"schemaVersion":1,"attempt":"one","at":"${now}","appCycleAddress":"unix:/run/a.sock"}\n`,
    );
    await root.instances.claimSuspend(name);
    await root.instances.finishSuspend(name, {
      suspension: { by: "operator", why: "asked", at: AT, requestId: "r-2" },
      lastExit: { exit: { kind: "signal", signal: "SIGTERM" }, at: AT, lastLines: "bye\n" },
    });
    expect(text(instance.dir, "suspended")).toBe(
      '{"schemaVersion":1,"by":"operator","why":"asked","at":"2026-11-22T11:00:00.000Z","requestId":"r-2"}\n',
    );
    expect(text(instance.dir, "last-exit")).toBe(
      '{"schemaVersion":1,"exit":{"kind":"signal","signal":"SIGTERM"},"at":"2026-11-22T11:00:00.000Z","lastLines":"bye\\n"}\n',
    );
    await root.instances.claimStop(name);
    await root.instances.finishStop(name, { requestId: "r-3" });
    expect(text((await root.instances.read(name)).dir, "stopped")).toBe(
      `{"schemaVersion":1,"at":"${now}","requestId":"r-3"}\n`,
    );
  });
});
