import { createHash } from "node:crypto";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { tarOf, tempDir } from "@nodemanager/testing";
import { describe, expect, it } from "vitest";
import { nmctl } from "./fixtures/nmctl.ts";

const WEB = tarOf({ name: "bin/run", mode: 0o755, content: "#!/bin/sh\n" }, { name: "data", content: "words" });
const REQUIRED = ["--title", "web", "--version", "1.0.0", "--profile", "p"];

/** A directory with these files, and a repository that is not there yet. */
async function filesIn(files: Readonly<Record<string, Uint8Array | string>>) {
  const dir = await tempDir();
  for (const [name, bytes] of Object.entries(files)) {
    await writeFile(join(dir.path, name), bytes);
  }
  return {
    path: (name: string) => join(dir.path, name),
    names: () => readdir(dir.path),
    repository: `file:${dir.path}/repository`,
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
}

function reference(bytes: Uint8Array | string, format: string): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}:${bytes.length}:${format}`;
}

describe("publish", () => {
  it("of an archive makes it the package app, with the program in it", async () => {
    const zipped = gzipSync(WEB);
    await using dir = await filesIn({ "site.tgz": zipped, "theme.tar": WEB, "notes.txt": "words" });
    const packages = ["--package", `theme=${dir.path("theme.tar")}`, "--package", `notes=${dir.path("notes.txt")}`];
    const argv = [dir.path("site.tgz"), "--command", "./bin/run", ...packages, "--soak", "5s"];
    const { stdout } = await nmctl(["publish", ...argv, "--to", dir.repository, ...REQUIRED, "-o", "json"]);
    const { envelope } = JSON.parse(stdout);
    expect(envelope).toMatchObject({
      command: "app/bin/run",
      soak: { seconds: "5" },
      packages: {
        app: { size_bytes: `${zipped.length}`, format: "tar.gz" },
        theme: { format: "tar" },
        notes: { format: "file" },
      },
    });
    expect(envelope.binary).toBeUndefined();
    const matched = await nmctl(["repository", "match", `${dir.repository}/web`, "--profile", "p"]);
    for (const line of [
      "app/bin/run",
      `app=${reference(zipped, "tar.gz")}`,
      `theme=${reference(WEB, "tar")}`,
      `notes=${reference("words", "file")}`,
    ]) {
      expect(matched.stdout).toContain(line);
    }
  });

  it("of a program puts packages beside it", async () => {
    await using dir = await filesIn({ program: "#!/bin/sh\n", "theme.tar.gz": gzipSync(WEB) });
    const argv = [dir.path("program"), "--package", `theme=${dir.path("theme.tar.gz")}`];
    const { stdout } = await nmctl(["publish", ...argv, "--to", dir.repository, ...REQUIRED, "-o", "json"]);
    const { envelope } = JSON.parse(stdout);
    expect(envelope.command).toBeUndefined();
    expect(envelope).toMatchObject({
      binary: { size_bytes: "10" },
      packages: { theme: { format: "tar.gz" } },
    });
  });

  it.each<[string, number, readonly string[]]>([
    ["an archive without a command", 2, ["web.tar"]],
    ["a command without an archive", 2, ["program", "--command", "bin/run"]],
    ["a command that is not in the archive", 1, ["web.tar", "--command", "bin/walk"]],
    ["a command that is not executable", 1, ["web.tar", "--command", "data"]],
    ["a command that leads out", 1, ["web.tar", "--command", "../run"]],
    ["a package called as the archive is", 2, ["web.tar", "--command", "bin/run", "--package", "app=program"]],
    ["a package with no file", 2, ["program", "--package", "theme="]],
    ["a package with no such file", 2, ["program", "--package", "theme=none.tar"]],
    ["a package that is not named", 2, ["program", "--package", "web.tar"]],
    ["a package whose name leads up", 1, ["program", "--package", "..=web.tar"]],
    ["an archive that leads out", 1, ["program", "--package", "evil=evil.tar"]],
    ["an archive that is another one than its name says", 1, ["program", "--package", "theme=zipped.tar"]],
  ])("with %s ends with status %i and publishes nothing", async (_, status, argv) => {
    await using dir = await filesIn({
      program: "#!/bin/sh\n",
      "web.tar": WEB,
      "evil.tar": tarOf({ name: "../evil", content: "x" }),
      "zipped.tar": gzipSync(WEB),
    });
    const before = await dir.names();
    const told = argv.map((word) =>
      word.replace(/^(\w+=|\.\.=)?(web|evil|zipped|none|program)\b/, (_, name = "", file) => name + dir.path(file)),
    );
    const ran = await nmctl(["publish", ...told, "--to", dir.repository, ...REQUIRED]);
    expect({ status: ran.status, stdout: ran.stdout }).toEqual({ status, stdout: "" });
    expect(await dir.names()).toEqual(before);
  });
});

describe("repository put", () => {
  it.each([
    ["theme.tar.gz", "tar.gz"],
    ["theme.TGZ", "tar.gz"],
    ["theme.tar", "tar"],
    ["theme", "file"],
  ])("of %s prints a reference with the format %s", async (name, format) => {
    const bytes = format === "tar.gz" ? gzipSync(WEB) : WEB;
    await using dir = await filesIn({ [name]: bytes });
    const argv = ["repository", "put", dir.path(name), "--to", dir.repository];
    expect(await nmctl(argv)).toMatchObject({ status: 0, stdout: `${reference(bytes, format)}\n` });
    expect(JSON.parse((await nmctl([...argv, "-o", "json"])).stdout)).toEqual({
      reference: reference(bytes, format),
      package: { sha256: reference(bytes, format).split(":")[1], size_bytes: `${bytes.length}`, format },
    });
  });

  it("of an archive that no node would unpack puts nothing", async () => {
    await using dir = await filesIn({ "evil.tar": tarOf({ name: "link", type: "2", linkname: "/etc" }) });
    const ran = await nmctl(["repository", "put", dir.path("evil.tar"), "--to", dir.repository]);
    expect(ran).toMatchObject({ status: 1, stdout: "" });
    expect(ran.stderr).toContain("INVALID_PACKAGE");
    expect(await dir.names()).toEqual(["evil.tar"]);
  });

  it("needs to be told where to", async () => {
    expect((await nmctl(["repository", "put", "/bin/sh"])).status).toBe(2);
  });
});
