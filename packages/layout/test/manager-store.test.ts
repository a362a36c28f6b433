import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { NodeError } from "@nodemanager/core";
import { noteStartFailure, type Root, type WorkspaceRecord } from "@nodemanager/layout";
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

  test("say what became of them: tried, started, given up, failed", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const { version, dir: place, programFile } = await stage(root);
    const process = { pid: 99, startTicks: 7, bootId: "boot" };
    await root.manager.noteTrial(version, { process, launchId: "one" });
    await noteStartFailure(programFile, { reason: "ADDRESS_IN_USE", message: "somebody serves there" });
    symlinkSync("3", join(place, "starts"));
    writeFileSync(join(place, "fell-back"), '{"schemaVersion":1,"at":"2026-11-22T09:15:00Z","starts":3}\n');
    expect(await root.manager.read(version)).toMatchObject({
      trial: { process, launchId: "one" },
      failure: { reason: "ADDRESS_IN_USE", message: "somebody serves there", at: expect.any(Date) },
      wasStarted: true,
      fellBackAt: new Date("2026-11-22T09:15:00Z"),
    });
  });

  test("a failure of what was started from no workspace is noted nowhere", async () => {
    await using dir = await tempDir();
    await noteStartFailure(join(dir.path, "noded"), { reason: "INTERNAL", message: "" });
    expect(readdirSync(dir.path)).toEqual([]);
  });

  test.each(["itself", "a later version", "another place", "a file"])(
    "go back to no version that is %s",
    async (what) => {
      await using dir = await tempDir();
      await using root = await open(dir.path);
      const { version: first } = await stage(root);
      const { version, dir: workspace } = await stage(root, first);
      const { version: later } = await stage(root, version);
      const previous = join(workspace, "previous");
      rmSync(previous);
      if (what === "a file") {
        writeFileSync(previous, first);
      } else {
        const target =
          { itself: `../${version}`, "a later version": `../${later}` }[what] ?? `../../elsewhere/${first}`;
        symlinkSync(target, previous);
      }
      expect(await reasonOf(root.manager.read(version))).toBe("STORE_CORRUPT");
    },
  );

  test("are told by their program, whose bytes say which it is", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    const { version, programFile, scriptFile } = await stage(root);
    expect(await root.manager.workspaceOf(programFile)).toBe(version);
    for (const other of [scriptFile, "/usr/bin/noded", join(root.dir, "node-manager", "noded"), ""]) {
      expect(await root.manager.workspaceOf(other)).toBeUndefined();
    }
    expect(await root.manager.digest(version)).toBe(SHA256);
    rmSync(programFile);
    expect(await reasonOf(root.manager.digest(version))).toBe("STORE_CORRUPT");
  });

  test("the last move is kept until the next one, or until it is forgotten", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    expect(await root.manager.lastMove()).toBeUndefined();
    const versions = {
      from: "0001-20261122T091500Z",
      fromVersion: "1.0.0",
      to: "0002-20261122T091500Z",
      toVersion: "2.0.0",
    };
    const move = { kind: "update", ...versions, at: new Date("2026-11-22T11:00:00Z"), requestId: "r-1" } as const;
    await root.manager.noteMove(move);
    expect(await root.manager.lastMove()).toEqual(move);
    await root.manager.forgetMove();
    await root.manager.forgetMove();
    expect(await root.manager.lastMove()).toBeUndefined();
    writeFileSync(join(root.dir, "node-manager", "last-move"), "{");
    expect(await reasonOf(root.manager.lastMove())).toBe("STORE_CORRUPT");
  });

  test("one whose program is not to be used does not appear", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    await putBinary(root);
    const refused = root.manager.stage({
      ...{ binary: root.blobs.path(SHA256), script: "", settings: {}, envelope: {} },
      checkProgram: async () => {
        throw new NodeError("BINARY_INCOMPATIBLE", "not here");
      },
    });
    expect(await reasonOf(refused)).toBe("BINARY_INCOMPATIBLE");
    expect(readdirSync(join(root.dir, "node-manager"))).toEqual([]);
  });
});

describe("a scratch root", () => {
  test("has the format of the real one, opens as a root, and is gone afterwards", async () => {
    await using dir = await tempDir();
    await using root = await open(dir.path);
    {
      await using scratch = await root.scratch();
      expect(readFileSync(join(scratch.root, "format"))).toEqual(readFileSync(join(root.dir, "format")));
      expect(scratch.dir.startsWith(root.runDir)).toBe(true);
      await putBinary(root);
      const binary = root.blobs.path(SHA256);
      const { version } = await scratch.manager.stage({ binary, script: "", settings: {}, envelope: {} });
      await scratch.manager.switchTo(scratch.currentLink, version);
      await using opened = await open(scratch.root);
      expect(await opened.manager.current(scratch.currentLink)).toBe(version);
    }
    expect(readdirSync(root.runDir)).toEqual([]);
  });

  test("that a crash left is swept by the next manager, and by no other", async () => {
    await using dir = await tempDir();
    const root = await open(dir.path);
    const { dir: place } = await root.scratch();
    expect((await root.sweep()).removed).toEqual([]);
    await root[Symbol.asyncDispose]();
    await using next = await open(dir.path);
    expect((await next.sweep()).removed).toEqual([place]);
  });
});
