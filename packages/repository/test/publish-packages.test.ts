import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { PackageFormat } from "@nodemanager/core";
import { type PublishOptions, publish, uploadPackage } from "@nodemanager/repository";
import { failureOf, reasonOf, tarOf, tempDir } from "@nodemanager/testing";
import { describe, expect, test } from "vitest";
import { contentAt, refOf } from "./fixture.ts";
import { KINDS } from "./repository-kinds.ts";

const PROGRAM = "#!/bin/sh\necho hello\n";
const WEB = tarOf({ name: "bin/run", mode: 0o755, content: PROGRAM }, { name: "data", content: "words" });

/** Files with these bytes, by name; gives what a publisher says of them. */
async function packageFiles(
  dir: string,
  packages: Readonly<Record<string, readonly [bytes: Uint8Array, format: PackageFormat]>>,
): Promise<NonNullable<PublishOptions["packages"]>> {
  const files = Object.entries(packages).map(async ([name, [bytes, format]]) => {
    const path = join(dir, name);
    await writeFile(path, bytes);
    return [name, { path, format }] as const;
  });
  return Object.fromEntries(await Promise.all(files));
}

describe.each(KINDS)("publishing packages to a $kind repository", ({ make }) => {
  test("uploads all of them before the envelope, with one progress", async () => {
    await using made = await make();
    await using dir = await tempDir();
    const zipped = gzipSync(WEB);
    const config = Buffer.from("colour=red\n");
    const progress: (readonly [number, number])[] = [];
    const { envelope } = await publish({
      packages: await packageFiles(dir.path, { web: [zipped, "tar.gz"], config: [config, "file"] }),
      to: made.repository,
      application: "web",
      description: { version: "1.0.0", command: "web/bin/run", soakMs: 1000 },
      profiles: ["p"],
      onProgress: (done, goal) => progress.push([done, goal]),
    });
    expect(envelope).toMatchObject({
      command: "web/bin/run",
      packages: { web: { ...refOf(zipped), format: "tar.gz" }, config: { ...refOf(config), format: "file" } },
      soakMs: 1000,
    });
    expect(envelope.binary).toBeUndefined();
    expect(await made.repository.applications.match("web", { profiles: ["p"] })).toEqual({ envelope, profile: "p" });
    expect((await contentAt(made.repository.binaries, refOf(zipped).sha256)).equals(zipped)).toBe(true);
    const total = zipped.length + config.length;
    expect(new Set(progress.map(([, goal]) => goal))).toEqual(new Set([total]));
    expect(progress.at(-1)).toEqual([total, total]);
    expect(progress).toEqual([...progress].sort(([a], [b]) => a - b));
  });

  test("a package of its own is uploaded and named", async () => {
    await using made = await make();
    await using dir = await tempDir();
    const { web } = await packageFiles(dir.path, { web: [WEB, "tar"] });
    const ref = web && (await uploadPackage(made.repository.binaries, web));
    expect(ref).toEqual({ ...refOf(WEB), format: "tar" });
    expect((await contentAt(made.repository.binaries, ref?.sha256 ?? "")).equals(WEB)).toBe(true);
  });

  test.each<[string, Uint8Array, PackageFormat]>([
    ["leads out of its directory", tarOf({ name: "../x" }), "tar"],
    ["is compressed and not said to be", gzipSync(WEB), "tar"],
    ["is not compressed and said to be", WEB, "tar.gz"],
    ["lacks the program", tarOf({ name: "bin/walk", mode: 0o755 }), "tar"],
    ["has a program that is not executable", tarOf({ name: "bin/run" }), "tar"],
  ])("an archive that %s is refused before anything is sent", async (_, bytes, format) => {
    await using made = await make();
    await using dir = await tempDir();
    const config = Buffer.from("colour=red\n");
    const packages = await packageFiles(dir.path, { config: [config, "file"], web: [bytes, format] });
    const publishing = publish({
      packages,
      to: made.repository,
      application: "web",
      description: { version: "1.0.0", command: "web/bin/run" },
      profiles: ["p"],
    });
    expect(await reasonOf(publishing)).toBe("INVALID_PACKAGE");
    for (const sent of [bytes, config]) {
      expect((await made.repository.binaries.stat(refOf(sent).sha256)).binary).toBeUndefined();
    }
  });
});

test.each<[string, Partial<PublishOptions>, string]>([
  ["a command without its package", { description: { version: "1.0.0", command: "web/bin/run" } }, "command"],
  ["neither a program nor a command", {}, "binary"],
  ["both", { file: "/bin/sh", description: { version: "1.0.0", command: "a/b" } }, "command"],
  ["a name that leads up", { file: "/bin/sh", packages: { "..": { path: "/bin/sh", format: "file" } } }, "packages..."],
])("%s is said before a file is opened", async (_, o, field) => {
  const [kind] = KINDS;
  if (!kind) {
    throw new Error("there is no kind of repository");
  }
  await using made = await kind.make();
  const common = { to: made.repository, application: "web", description: { version: "1.0.0" }, profiles: ["p"] };
  expect(await failureOf(publish({ ...common, ...o }))).toMatchObject({
    reason: "INVALID_ENVELOPE",
    metadata: { field },
  });
});
