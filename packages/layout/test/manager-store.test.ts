import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Root, WorkspaceRecord } from "@nodemanager/layout";
import { collect, FakeClock, reasonOf, tempDir } from "@nodemanager/testing";
import { describe, expect, test } from "vitest";
import { open, putBinary, SHA256 } from "./support/fixture.ts";

async function stage(root: Root, previous?: string): Promise<WorkspaceRecord> {
  if ((await root.blobs.size(SHA256)) === undefined) {
    await putBinary(root);
  }
  return await root.manager.stage({
    binary: root.blobs.path(SHA256),
    script: "#!/bin/sh\nexec true\n",
    settings: { listen: ["unix:/run/noded.sock"] },
    envelope: { title: "node manager", version: "1.0.0" },
    previous,
  });
}

describe("the manager's own versions", () => {
  test("are staged with everything, in the order of their numbers", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const first = await stage(root);
    const second = await stage(root, first.version);
    expect(await collect(root.manager.list())).toEqual([first, second]);
    expect(second).toMatchObject({ previous: first.version, settings: { listen: ["unix:/run/noded.sock"] } });
    expect(statSync(join(first.dir, "noded.sh")).mode & 0o777).toBe(0o700);
    expect(readFileSync(join(first.dir, "noded.sh"), "utf8")).toBe("#!/bin/sh\nexec true\n");
    expect(statSync(join(first.dir, "noded")).ino).toBe(statSync(root.blobs.path(SHA256)).ino);
  });

  test("stay in order when the clock goes back", async () => {
    await using dir = await tempDir();
    const clock = new FakeClock();
    await using root = await open(dir.path, { clock });
    const first = await stage(root);
    clock.jump("1999-01-01T00:00:00Z");
    const second = await stage(root);
    const listed = await collect(root.manager.list());
    expect(listed.map((record) => record.kind === "workspace" && record.version)).toEqual([
      first.version,
      second.version,
    ]);
    expect(second.version).toBe("0002-19990101T000000Z");
  });

  test("are switched by the link that init starts, inside or outside the root, and found from it", async () => {
    await using dir = await tempDir();
    await using root = await open(join(dir.path, "root"));
    mkdirSync(join(dir.path, "etc"));
    const first = await stage(root);
    const second = await stage(root, first.version);
    for (const link of [join(dir.path, "etc", "current"), join(root.dir, "current")]) {
      expect(await root.manager.current(link)).toBeUndefined();
      await root.manager.switchTo(link, first.version);
      expect(await root.manager.current(link)).toBe(first.version);
      await root.manager.switchTo(link, second.version);
      expect(await root.manager.current(link)).toBe(second.version);
      expect(readlinkSync(link).startsWith("/")).toBe(false);
      expect(readFileSync(link, "utf8")).toBe("#!/bin/sh\nexec true\n");
    }
  });

  test("W1: what a crash left of an earlier switch neither blocks the next nor anything of others", async () => {
    await using dir = await tempDir();
    await using root = await open(join(dir.path, "root"));
    const { version } = await stage(root);
    const etc = join(dir.path, "etc");
    mkdirSync(etc);
    symlinkSync("nowhere", join(etc, ".incoming-current-aaaa-1"));
    writeFileSync(join(etc, ".incoming-current-notes"), "somebody else's");
    writeFileSync(join(etc, "current.new"), "somebody else's");
    await root.manager.switchTo(join(etc, "current"), version);
    expect(readdirSync(etc).sort()).toEqual([".incoming-current-notes", "current", "current.new"]);
  });

  test("are healthy once they say so", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const { version } = await stage(root);
    expect((await root.manager.read(version)).healthyAt).toBeUndefined();
    await root.manager.markHealthy(version);
    expect((await root.manager.read(version)).healthyAt).toEqual(new FakeClock().now());
  });

  test("that are not there are not found, whatever they are called", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const { version } = await stage(root);
    for (const unknown of ["0009-20260101T000000Z", "..", "", "../blobs"]) {
      expect(await reasonOf(root.manager.read(unknown))).toBe("VERSION_NOT_FOUND");
      expect(await reasonOf(root.manager.markHealthy(unknown))).toBe("VERSION_NOT_FOUND");
      expect(await reasonOf(root.manager.retire(unknown))).toBe("VERSION_NOT_FOUND");
      expect(await reasonOf(root.manager.switchTo(join(dir.path, "link"), unknown))).toBe("VERSION_NOT_FOUND");
    }
    expect(existsSync(join(dir.path, "link"))).toBe(false);
    await root.manager.retire(version);
    expect(await collect(root.manager.list())).toEqual([]);
  });

  test("one that cannot be read does not hide the others", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const first = await stage(root);
    const second = await stage(root);
    writeFileSync(join(first.dir, "settings.json"), "{");
    expect(await collect(root.manager.list())).toEqual([
      expect.objectContaining({ kind: "broken", file: join(first.dir, "settings.json") }),
      second,
    ]);
  });
});
