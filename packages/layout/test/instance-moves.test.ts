import { existsSync, readdirSync, readlinkSync, renameSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import type { InstanceName } from "@nodemanager/core";
import type { Root } from "@nodemanager/layout";
import { reasonOf, tempDir } from "@nodemanager/testing";
import { describe, expect, test } from "vitest";
import { createInstance, envelope, install, launch, open } from "./support/fixture.ts";

const AT = new Date("2026-11-22T11:00:00Z");

interface Movable {
  readonly name: InstanceName;
  readonly from: string;
  readonly to: string;
  readonly dir: string;
}

/** An instance of the first of two versions. */
async function movable(root: Root): Promise<Movable> {
  const { name: installation, versionDir: from } = await install(root);
  const name = await createInstance(root, installation);
  const added = { envelope: envelope(), origin: "file:/repository/redis", from };
  const { dir: to } = await root.installations.versions.add(installation, added);
  return { name, from, to, dir: (await root.instances.read(name)).dir };
}

describe("a move", () => {
  test("pins the other version and says so; on trial, until it is kept", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const { name, from, to, dir: place } = await movable(root);
    await root.instances.moves.move(name, { to, requestId: "r-1", trial: true });
    const move = { from: basename(from), to: basename(to), requestId: "r-1" };
    expect(await root.instances.read(name)).toMatchObject({ versionDir: to, move: { ...move, trial: true } });
    expect(readlinkSync(join(place, "version"))).toBe(`../../${basename(to)}`);
    await root.instances.moves.keep(name);
    const kept = (await root.instances.read(name)).move;
    expect(kept).toMatchObject(move);
    expect(kept?.trial).toBeUndefined();
    await root.instances.moves.goBack(name);
    expect((await root.instances.read(name)).versionDir).toBe(to);
  });

  test("is refused while there is a process, and to what is not there", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const { name, from, to } = await movable(root);
    const move = (target = to) => reasonOf(root.instances.moves.move(name, { to: target, trial: false }));
    expect(await move(`${to}0`)).toBe("VERSION_NOT_FOUND");
    await root.instances.claimLaunch(name, launch());
    expect(await move()).toBe("INSTANCE_RUNNING");
    await root.instances.markReady(name, { attempt: "one" });
    expect(await move()).toBe("INSTANCE_RUNNING");
    await root.instances.claimSuspend(name);
    expect(await move()).toBe("OPERATION_IN_PROGRESS");
    await root.instances.finishSuspend(name);
    expect((await root.instances.read(name)).versionDir).toBe(from);
    await root.instances.claimStop(name);
    expect(await move()).toBe("OPERATION_IN_PROGRESS");
    await root.instances.finishStop(name);
    expect(await move()).toBe("INSTANCE_NOT_FOUND");
  });
});

describe("going back", () => {
  test.each([
    { by: "manager", stays: false },
    { by: "exit", stays: false },
    { by: "operator", stays: true },
  ] as const)("undoes the move and forgets a suspension by $by: $stays", async ({ by, stays }) => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const { name, from, to, dir: place } = await movable(root);
    await root.instances.moves.move(name, { to, trial: true });
    await root.instances.setSuspension(name, { by, why: "it did not hold", at: AT });
    await root.instances.moves.goBack(name);
    const record = await root.instances.read(name);
    expect(record).toMatchObject({ state: "suspended", versionDir: from });
    expect(record.move).toBeUndefined();
    expect(record.state === "suspended" && record.suspension !== undefined).toBe(stays);
    expect(readdirSync(place)).not.toContain("moved");
  });

  test("does nothing for what was not on trial, also when a move was cut off before its commit", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const { name, from, to, dir: place } = await movable(root);
    await root.instances.moves.goBack(name);
    await root.instances.moves.move(name, { to, trial: true });
    await root.instances.moves.goBack(name);
    // As a crash leaves it between the document and the link.
    await root.instances.moves.move(name, { to, trial: true });
    symlinkSync(`../../${basename(from)}`, join(place, "old"));
    renameSync(join(place, "old"), join(place, "version"));
    expect((await root.instances.read(name)).move).toBeUndefined();
    await root.instances.moves.goBack(name);
    await root.instances.moves.keep(name);
    expect(await root.instances.read(name)).toMatchObject({ state: "suspended", versionDir: from });
    expect(existsSync(join(place, "suspended"))).toBe(false);
  });
});
