import { execFileSync } from "node:child_process";
import { cp, mkdir, readdir, readFile, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openRepository, type Repository } from "@nodemanager/repository";
import { binaryOf, failureOf, reasonOf, tempDir } from "@nodemanager/testing";
import { describe, expect, test } from "vitest";
import { chunksOf, contentAt, contentOf, offer, refOf } from "./fixture.ts";

const open = (dir: string) => openRepository({ kind: "file", dir });

// The test vector of the README: made by hand, as any tool may.
const GREETING = "#!/bin/sh\necho hello\n";
const GREETING_SHA256 = "bfdeaeb08cffb6a36438bcd12dda25417e3cdd36f1e7e482a2849d539225288b";

async function handMade(dir: string): Promise<string> {
  const { sha256, sizeBytes } = refOf(Buffer.from(GREETING));
  await mkdir(join(dir, "applications", "my%20app", "1.0.0"), { recursive: true });
  await mkdir(join(dir, "binaries", "sha256"), { recursive: true });
  await writeFile(join(dir, "repository.json"), '{"schemaVersion":1}');
  await writeFile(
    join(dir, "applications", "my%20app", "1.0.0", "linux.json"),
    JSON.stringify({ title: "my app", version: "1.0.0", binary: { sha256, sizeBytes }, future: { field: 1 } }),
  );
  await writeFile(join(dir, "binaries", "sha256", sha256), GREETING);
  return sha256;
}

test("a directory that was made by hand is a repository", async () => {
  await using dir = await tempDir();
  const sha256 = await handMade(dir.path);
  expect(sha256).toBe(GREETING_SHA256);
  const { applications, binaries } = await open(dir.path);
  expect(await applications.list()).toEqual([{ application: "my app", version: "1.0.0", profiles: ["linux"] }]);
  const { envelope } = await applications.match("my app", { profiles: ["linux"] });
  expect(binaryOf(envelope).sha256).toBe(sha256);
  expect((await contentAt(binaries, sha256)).toString()).toBe(GREETING);
});

test("a copy of a repository is the same repository", async () => {
  await using dir = await tempDir();
  const original = await open(join(dir.path, "a"));
  const envelope = await offer(original, "..", "1.0.0", ["p", "q:8"]);
  await cp(join(dir.path, "a"), join(dir.path, "b"), { recursive: true });
  const copy = await open(join(dir.path, "b"));
  expect(await copy.applications.list()).toEqual(await original.applications.list());
  expect(await copy.applications.match("..", { profiles: ["q:8"] })).toEqual({ envelope, profile: "q:8" });
  expect(refOf(await contentAt(copy.binaries, binaryOf(envelope).sha256))).toEqual(binaryOf(envelope));
});

test("what is published looks like the format says, and nothing else is there", async () => {
  await using dir = await tempDir();
  const repository = await open(dir.path);
  const binary = binaryOf(await offer(repository, "my app", "1.0.0", ["linux"]));
  const names = await readdir(dir.path, { recursive: true });
  expect(names.sort()).toEqual([
    "applications",
    "applications/my%20app",
    "applications/my%20app/1.0.0",
    "applications/my%20app/1.0.0/linux.json",
    "binaries",
    "binaries/sha256",
    `binaries/sha256/${binary.sha256}`,
    "repository.json",
  ]);
  expect(JSON.parse(await readFile(join(dir.path, "repository.json"), "utf8"))).toEqual({ schemaVersion: 1 });
  const json = JSON.parse(await readFile(join(dir.path, "applications/my%20app/1.0.0/linux.json"), "utf8"));
  expect(json).toMatchObject({ schemaVersion: 1, title: "app", version: "1.0.0", binary });
});

test("other people's files are ignored", async () => {
  await using dir = await tempDir();
  const repository = await open(dir.path);
  await offer(repository, "app", "1.0.0", ["p"]);
  const applications = join(dir.path, "applications");
  await mkdir(join(applications, ".git", "1.0.0"), { recursive: true });
  await mkdir(join(applications, "not encoded", "1.0.0"), { recursive: true });
  await mkdir(join(applications, "app", "latest"));
  await mkdir(join(applications, "app", "2.0.0"));
  await mkdir(join(applications, "app", "3.0.0"));
  await writeFile(join(applications, "app", "3.0.0", "README"), "");
  await writeFile(join(applications, "README.md"), "");
  await writeFile(join(applications, "app", "1.0.0", "p.json~"), "");
  expect(await repository.applications.list()).toEqual([{ application: "app", version: "1.0.0", profiles: ["p"] }]);
  expect((await repository.applications.match("app", { profiles: ["p"] })).envelope.version).toBe("1.0.0");
  // A directory without envelopes is no version, so that one may still be published.
  await offer(repository, "app", "2.0.0", ["p"]);
  await offer(repository, "app", "3.0.0", ["p"]);
  expect((await repository.applications.match("app", { profiles: ["p"] })).envelope.version).toBe("3.0.0");
});

describe("a directory that is no repository", () => {
  test.each([
    { what: "is missing", make: async () => {}, reason: "REPOSITORY_UNAVAILABLE" },
    { what: "is empty", make: (dir: string) => mkdir(dir), reason: "REPOSITORY_UNAVAILABLE" },
    {
      what: "has something else in it",
      make: async (dir: string) => {
        await mkdir(dir);
        await writeFile(join(dir, "thesis.txt"), "");
      },
      reason: "REPOSITORY_CORRUPT",
    },
    { what: "is a file", make: (dir: string) => writeFile(dir, ""), reason: "REPOSITORY_CORRUPT" },
    { what: "has a broken format file", make: formatFile("{"), reason: "REPOSITORY_CORRUPT" },
    { what: "has no format", make: formatFile("null"), reason: "REPOSITORY_CORRUPT" },
    { what: "has an odd format", make: formatFile('{"schemaVersion":"1"}'), reason: "REPOSITORY_CORRUPT" },
    { what: "has a newer format", make: formatFile('{"schemaVersion":2}'), reason: "FORMAT_TOO_NEW" },
    { what: "has a huge format file", make: formatFile(" ".repeat(100_000)), reason: "REPOSITORY_CORRUPT" },
  ])("$what: $reason", async ({ make, reason }) => {
    await using dir = await tempDir();
    const path = join(dir.path, "repository");
    await make(path);
    const { applications, binaries } = await open(path);
    expect(await reasonOf(applications.match("app", { profiles: ["p"] }))).toBe(reason);
    expect(await reasonOf(applications.list())).toBe(reason);
    expect(await reasonOf(contentAt(binaries, "0".repeat(64)))).toBe(reason);
    if (reason !== "REPOSITORY_UNAVAILABLE") {
      const before = await tree(path);
      const { bytes, ref } = contentOf(10);
      expect(await reasonOf(binaries.upload(ref, chunksOf(bytes)))).toBe(reason);
      expect(await tree(path)).toEqual(before);
    }
  });

  test("a newer format says what was found and what is known", async () => {
    await using dir = await tempDir();
    await formatFile('{"schemaVersion":7}')(join(dir.path, "r"));
    const { applications } = await open(join(dir.path, "r"));
    expect((await failureOf(applications.list())).metadata).toEqual({ found: "7", supported: "1" });
  });
});

describe("an envelope that cannot be used takes down its version, and no older one is taken instead", () => {
  const good = {
    title: "app",
    version: "2.0.0",
    binary: { sha256: "0".repeat(64), sizeBytes: 1 },
  };
  test.each([
    { what: "not JSON", text: "{", reason: "INVALID_ENVELOPE" },
    { what: "empty", text: "", reason: "INVALID_ENVELOPE" },
    { what: "null", text: "null", reason: "INVALID_ENVELOPE", field: "the document" },
    { what: "without title", text: { ...good, title: undefined }, reason: "INVALID_ENVELOPE", field: "title" },
    { what: "without binary", text: { ...good, binary: undefined }, reason: "INVALID_ENVELOPE", field: "binary" },
    {
      what: "with a digest in capitals",
      text: { ...good, binary: { sha256: "A".repeat(64), sizeBytes: 1 } },
      reason: "INVALID_ENVELOPE",
      field: "binary.sha256",
    },
    {
      what: "with a negative size",
      text: { ...good, binary: { sha256: "0".repeat(64), sizeBytes: -1 } },
      reason: "INVALID_ENVELOPE",
      field: "binary.sizeBytes",
    },
    {
      what: "with an unknown readiness",
      text: { ...good, readiness: { kind: "psychic" } },
      reason: "INVALID_ENVELOPE",
      field: "readiness.kind",
    },
    { what: "of another version", text: { ...good, version: "2.0.1" }, reason: "INVALID_ENVELOPE", field: "version" },
    {
      what: "of a newer format",
      text: { ...good, schemaVersion: 2 },
      reason: "INVALID_ENVELOPE",
      field: "schemaVersion",
    },
    { what: "with an odd title", text: { ...good, title: "a/b" }, reason: "INVALID_TITLE" },
    { what: "with the reserved title", text: { ...good, title: "Node manager" }, reason: "RESERVED_TITLE" },
    { what: "too large", text: { ...good, publisher: "x".repeat(1024 * 1024) }, reason: "INVALID_ENVELOPE" },
  ])("$what", async ({ text, reason, field }) => {
    await using dir = await tempDir();
    const repository = await open(dir.path);
    await offer(repository, "app", "1.0.0", ["p"]);
    await offer(repository, "other", "1.0.0", ["p"]);
    await mkdir(join(dir.path, "applications", "app", "2.0.0"));
    const file = join(dir.path, "applications", "app", "2.0.0", "p.json");
    await writeFile(file, typeof text === "string" ? text : JSON.stringify(text));
    const error = await failureOf(repository.applications.match("app", { profiles: ["p"] }));
    expect(error.reason).toBe(reason);
    expect(error.metadata.field).toBe(field);
    await repository.applications.match("app", { profiles: ["p"], version: "1.0.0" });
    await repository.applications.match("other", { profiles: ["p"] });
    expect(await repository.applications.list()).toHaveLength(3);
    // And it can be removed.
    expect(await repository.applications.remove("app", { version: "2.0.0" })).toBe(1);
    await repository.applications.match("app", { profiles: ["p"] });
  });

  test.each([
    { what: "a FIFO", make: async (file: string) => void execFileSync("mkfifo", [file]) },
    { what: "a link to elsewhere", make: (file: string) => symlink("/etc/hostname", file) },
    { what: "a link to nowhere", make: (file: string) => symlink("nowhere", file) },
  ])("$what in its place is not followed, and nothing hangs", async ({ make }) => {
    await using dir = await tempDir();
    const repository = await open(dir.path);
    const binary = binaryOf(await offer(repository, "app", "1.0.0", ["p"]));
    await mkdir(join(dir.path, "applications", "app", "2.0.0"));
    await make(join(dir.path, "applications", "app", "2.0.0", "p.json"));
    expect(await reasonOf(repository.applications.match("app", { profiles: ["p"] }))).toBe("REPOSITORY_CORRUPT");
    await repository.binaries.delete(binary.sha256);
    await make(join(dir.path, "binaries", "sha256", binary.sha256));
    expect(await reasonOf(contentAt(repository.binaries, binary.sha256))).toBe("REPOSITORY_CORRUPT");
    expect(await reasonOf(repository.binaries.stat(binary.sha256))).toBe("REPOSITORY_CORRUPT");
  });
});

test("a binary whose file was cut off is uploaded again", async () => {
  await using dir = await tempDir();
  const { binaries } = await open(dir.path);
  const { bytes, ref } = contentOf(1000);
  await binaries.upload(ref, chunksOf(bytes));
  const file = join(dir.path, "binaries", "sha256", ref.sha256);
  execFileSync("chmod", ["u+w", file]);
  await truncate(file, 500);
  await binaries.upload(ref, chunksOf(bytes));
  expect((await contentAt(binaries, ref.sha256)).equals(bytes)).toBe(true);
});

test("what crashed publishers left is removed after a day, and not before", async () => {
  await using dir = await tempDir();
  const repository = await open(dir.path);
  await offer(repository, "app", "1.0.0", ["p"]);
  const leftovers = [".incoming-old", ".deleted-old", "binaries/.incoming-old", ".incoming-new"];
  for (const name of leftovers) {
    await mkdir(join(dir.path, name));
    await writeFile(join(dir.path, name, "x"), "");
    if (name.endsWith("old")) {
      const yesterday = new Date(Date.now() - 25 * 60 * 60 * 1000);
      await utimes(join(dir.path, name), yesterday, yesterday);
    }
  }
  expect(await repository.applications.list()).toHaveLength(1);
  const { bytes, ref } = contentOf(10);
  await (await open(dir.path)).binaries.upload(ref, chunksOf(bytes));
  expect((await readdir(dir.path)).sort()).toEqual([".incoming-new", "applications", "binaries", "repository.json"]);
  expect(await readdir(join(dir.path, "binaries"))).toEqual(["sha256"]);
});

test("twenty first publishers make one repository", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "deep", "repository");
  const publishers = await Promise.all(Array.from({ length: 20 }, () => open(path)));
  await Promise.all(publishers.map((repository: Repository, i) => offer(repository, `app ${i}`, "1.0.0", ["p"])));
  expect(await (await open(path)).applications.list()).toHaveLength(20);
  expect((await readdir(path)).sort()).toEqual(["applications", "binaries", "repository.json"]);
});

function formatFile(text: string): (dir: string) => Promise<void> {
  return async (dir) => {
    await mkdir(dir);
    await writeFile(join(dir, "repository.json"), text);
  };
}

async function tree(path: string): Promise<readonly string[]> {
  try {
    return (await readdir(path, { recursive: true })).sort();
  } catch {
    return ["no directory"];
  }
}
