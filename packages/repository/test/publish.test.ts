import { execFile, execFileSync, spawnSync } from "node:child_process";
import { chmod, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { hasReason } from "@nodemanager/core";
import { type ApplicationDescription, openRepository, publish } from "@nodemanager/repository";
import { failureOf, reasonOf, tempDir } from "@nodemanager/testing";
import { describe, expect, test } from "vitest";
import type { AfterFault } from "./crashing-publisher.ts";
import { contentAt, contentOf, refOf } from "./fixture.ts";
import { KINDS } from "./repository-kinds.ts";

const content = contentOf(700_000);

async function makeFile(): Promise<{ readonly file: string; readonly dir: string } & AsyncDisposable> {
  const dir = await tempDir();
  const file = join(dir.path, "program");
  await writeFile(file, content.bytes);
  return { file, dir: dir.path, [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose]() };
}

describe.each(KINDS)("publishing to a $kind repository", ({ make }) => {
  test("gives an envelope with defaults, the binary, and progress to the end", async () => {
    await using made = await make();
    await using program = await makeFile();
    const progress: number[] = [];
    const { envelope } = await publish({
      file: program.file,
      to: made.repository,
      application: "my app",
      description: { version: "1.0.0", readiness: { kind: "tcp", port: 80 }, args: undefined },
      profiles: ["p", "q"],
      onProgress: (done, goal) => {
        expect(goal).toBe(content.bytes.length);
        progress.push(done);
      },
    });
    expect(envelope).toEqual({
      title: "my app",
      version: "1.0.0",
      args: [],
      env: {},
      binary: content.ref,
      readiness: { kind: "tcp", host: "127.0.0.1", port: 80, timeoutMs: 30_000 },
      stop: { signal: "SIGTERM", graceMs: 10_000 },
      packages: {},
      soakMs: 3000,
      publisher: "",
    });
    expect(await made.repository.applications.match("my app", { profiles: ["q"] })).toEqual({ envelope, profile: "q" });
    expect((await contentAt(made.repository.binaries, content.ref.sha256)).equals(content.bytes)).toBe(true);
    expect(progress.at(-1)).toBe(content.bytes.length);
  });

  test("twice is once; with another content it is refused", async () => {
    await using made = await make();
    await using program = await makeFile();
    const publishAs = (description: Partial<ApplicationDescription>, profiles = ["p"]) =>
      publish({
        file: program.file,
        to: made.repository,
        application: "app",
        description: { version: "1.0.0", ...description },
        profiles,
      });
    const first = await publishAs({});
    expect(await publishAs({})).toEqual(first);
    expect(await publishAs({}, ["p", "q"])).toEqual(first);
    expect(await reasonOf(publishAs({ publisher: "me" }))).toBe("ALREADY_EXISTS");
    await writeFile(program.file, "another");
    expect(await reasonOf(publishAs({}))).toBe("ALREADY_EXISTS");
    await publishAs({ version: "1.0.1" });
    expect((await made.repository.applications.list()).map((release) => release.version)).toEqual(["1.0.0", "1.0.1"]);
  });

  test("twenty publishers of the same succeed; of different contents one wins, and what is there is one of them", async () => {
    await using made = await make();
    await using program = await makeFile();
    const publishAs = (publisher: string, version: string) =>
      publish({
        file: program.file,
        to: made.repository,
        application: "app",
        description: { version, publisher },
        profiles: ["p", "q"],
      });
    await Promise.all(Array.from({ length: 20 }, () => publishAs("me", "1.0.0")));
    const results = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => publishAs(`${i}`, "2.0.0")));
    const winners = results.flatMap((result) => (result.status === "fulfilled" ? [result.value.envelope] : []));
    const losers = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
    expect(winners).toHaveLength(1);
    expect(losers.every((error) => hasReason(error, "ALREADY_EXISTS"))).toBe(true);
    for (const profile of ["p", "q"]) {
      const match = await made.repository.applications.match("app", { profiles: [profile], version: "2.0.0" });
      expect(match.envelope).toEqual(winners[0]);
    }
    expect(await made.repository.applications.list()).toHaveLength(2);
  });

  test("publishers and removers at once leave all of a version or nothing", async () => {
    await using made = await make();
    await using program = await makeFile();
    const { applications } = made.repository;
    const publishIt = () =>
      publish({
        file: program.file,
        to: made.repository,
        application: "app",
        description: { version: "1.0.0" },
        profiles: ["p", "q"],
      });
    await publishIt();
    await Promise.all(
      Array.from({ length: 24 }, (_, i) =>
        i % 2 === 0
          ? publishIt()
          : applications.remove("app").catch((error) => {
              expect(error.reason).toBe("ENVELOPE_NOT_FOUND");
            }),
      ),
    );
    const releases = await applications.list();
    expect([[], [{ application: "app", version: "1.0.0", profiles: ["p", "q"] }]]).toContainEqual(releases);
    await publishIt();
    expect(await applications.profiles("app")).toEqual(["p", "q"]);
  });
});

describe("what cannot be published is refused before anything is written", () => {
  test.each([
    { what: "no profile", change: { profiles: [] }, reason: "INVALID_ARGUMENT" },
    { what: "no version", change: { description: { version: "" } }, reason: "INVALID_ENVELOPE" },
    { what: "an odd version", change: { description: { version: "v1" } }, reason: "INVALID_ENVELOPE" },
    { what: "a name with a slash", change: { application: "a/b" }, reason: "INVALID_TITLE" },
    { what: "an odd title", change: { description: { version: "1.0.0", title: "a\nb" } }, reason: "INVALID_TITLE" },
    { what: "the reserved title", change: { application: "Node manager" }, reason: "RESERVED_TITLE" },
    {
      what: "a variable that is the manager's",
      change: { description: { version: "1.0.0", env: { NODED_ROOT: "/" } } },
      reason: "INVALID_ENVELOPE",
    },
    { what: "a missing file", change: { file: "/nowhere/program" }, reason: "INVALID_ARGUMENT" },
    { what: "a directory", change: { file: "/" }, reason: "INVALID_ARGUMENT" },
    { what: "a device", change: { file: "/dev/zero" }, reason: "INVALID_ARGUMENT" },
  ])("$what: $reason", async ({ change, reason }) => {
    await using program = await makeFile();
    const to = await openRepository({ kind: "file", dir: join(program.dir, "repository") });
    const right = { file: program.file, to, application: "app", description: { version: "1.0.0" }, profiles: ["p"] };
    expect(await reasonOf(publish({ ...right, ...change }))).toBe(reason);
    expect(await readdir(program.dir)).toEqual(["program"]);
  });

  test("a FIFO, without waiting for a writer", async () => {
    await using program = await makeFile();
    const file = join(program.dir, "fifo");
    execFileSync("mkfifo", [file]);
    const to = await openRepository({ kind: "file", dir: join(program.dir, "repository") });
    const options = { file, to, application: "app", description: { version: "1.0.0" }, profiles: ["p"] };
    expect(await reasonOf(publish(options))).toBe("INVALID_ARGUMENT");
  });

  test("a name that is too long for a file", async () => {
    await using program = await makeFile();
    const to = await openRepository({ kind: "file", dir: join(program.dir, "repository") });
    const description = { version: "1.0.0" };
    const error = await failureOf(
      publish({ file: program.file, to, application: "地図".repeat(20), description, profiles: ["p"] }),
    );
    expect(error.reason).toBe("INVALID_NAME");
    expect(error.metadata).toEqual({ bytes: "360", limitBytes: "255" });
  });
});

test("a file that changes after it was hashed is not published", async () => {
  await using program = await makeFile();
  const to = await openRepository({ kind: "file", dir: join(program.dir, "repository") });
  const changing = {
    ...to,
    binaries: {
      stat: async (sha256: string) => {
        await writeFile(program.file, Buffer.alloc(content.bytes.length));
        return await to.binaries.stat(sha256);
      },
      open: to.binaries.open.bind(to.binaries),
      upload: to.binaries.upload.bind(to.binaries),
      delete: to.binaries.delete.bind(to.binaries),
    },
  };
  const options = { file: program.file, application: "app", description: { version: "1.0.0" }, profiles: ["p"] };
  expect(await reasonOf(publish({ ...options, to: changing }))).toBe("DIGEST_MISMATCH");
  expect(await to.applications.list()).toEqual([]);
});

test.skipIf(process.getuid?.() === 0)("a repository that may not be written to says so", async () => {
  await using program = await makeFile();
  const dir = join(program.dir, "repository");
  await mkdir(dir);
  await chmod(dir, 0o500);
  const to = await openRepository({ kind: "file", dir });
  const options = { file: program.file, to, application: "app", description: { version: "1.0.0" }, profiles: ["p"] };
  expect(await reasonOf(publish(options))).toBe("PERMISSION_DENIED");
});

describe("a publisher whose file system fails", () => {
  const publisher = join(import.meta.dirname, "crashing-publisher.ts");
  const nodeArgs = ["--conditions=@nodemanager/source", "--disable-warning=ExperimentalWarning", publisher];
  const whole = [{ application: "app", version: "1.0.0", profiles: ["p", "q"] }];

  async function faults(mode: string, { file, dir }: { readonly file: string; readonly dir: string }) {
    const { stdout } = await promisify(execFile)(process.execPath, [...nodeArgs, mode, file, dir]);
    return stdout
      .trim()
      .split("\n")
      .map((line): AfterFault => JSON.parse(line));
  }

  test("by dying at any step leaves all of the version or nothing, and the next one succeeds", async () => {
    await using program = await makeFile();
    const results = await faults("crash", program);
    // Fewer would mean that nothing is interrupted.
    expect(results.length).toBeGreaterThan(25);
    for (const { n, visible, afterwards } of results) {
      expect([[], whole], `visible after a crash before change ${n}`).toContainEqual(visible);
      expect(afterwards, `after publishing again, after a crash before change ${n}`).toEqual(whole);
    }
    expect(results.at(-1)).toMatchObject({ faulty: false, visible: whole, leftovers: [] });
    // Once it is visible it stays: the steps after that change nothing that anybody sees.
    const firstVisible = results.findIndex(({ visible }) => visible.length > 0);
    expect(results.slice(firstVisible).every(({ visible }) => visible.length > 0)).toBe(true);
    expect(firstVisible).toBeGreaterThan(20);
  }, 60_000);

  test("with an error at any step says which, and the next one succeeds", async () => {
    await using program = await makeFile();
    const codes = ["ENOSPC", "EROFS", "EACCES", "EIO", "EMFILE"];
    const reasons = ["DISK_FULL", "READ_ONLY", "PERMISSION_DENIED", "REPOSITORY_UNAVAILABLE", "OUT_OF_DESCRIPTORS"];
    const results = await faults(codes.join(), program);
    expect(results.length).toBeGreaterThan(25);
    for (const { n, faulty, reason, visible, afterwards, leftovers } of results) {
      const what = `after ${codes[n % codes.length]} at change ${n}`;
      expect(reason, what).toBe(faulty ? reasons[n % reasons.length] : undefined);
      expect([[], whole], `visible ${what}`).toContainEqual(visible);
      expect(afterwards, `after publishing again, ${what}`).toEqual(whole);
      expect(leftovers.length, `${leftovers}, ${what}`).toBeLessThanOrEqual(2);
    }
  }, 60_000);

  test("not at all, syncs everything before it is named and every name before it succeeds", async () => {
    await using program = await makeFile();
    const { stdout } = await promisify(execFile)(process.execPath, [...nodeArgs, "trace", program.file, program.dir]);
    const trace: string[] = JSON.parse(stdout).map((line: string) =>
      line
        .replaceAll(`${program.dir}/repository`, "R")
        .replaceAll(program.dir, "T")
        .replaceAll(content.ref.sha256, "D")
        .replaceAll(/[a-z2-7]{26}/g, "I"),
    );
    const shown = trace.filter((line) => !line.startsWith("write R/binaries"));
    expect(shown).toMatchInlineSnapshot(`
      [
        "mkdir R",
        "sync T",
        "mkdir R/.incoming-I",
        "writeFile R/.incoming-I/repository.json",
        "sync R/.incoming-I/repository.json",
        "link R/.incoming-I/repository.json R/repository.json",
        "sync R",
        "rm R/.incoming-I",
        "mkdir R/applications",
        "sync R",
        "mkdir R/binaries/sha256",
        "mkdir R/binaries",
        "sync R",
        "mkdir R/binaries/sha256",
        "sync R/binaries",
        "truncate R/binaries/.incoming-D.I",
        "chmod R/binaries/.incoming-D.I",
        "sync R/binaries/.incoming-D.I",
        "rename R/binaries/.incoming-D.I R/binaries/sha256/D",
        "rm R/binaries/.incoming-D",
        "sync R/binaries/sha256",
        "sync R/binaries",
        "mkdir R/.incoming-I",
        "mkdir R/.incoming-I/version",
        "writeFile R/.incoming-I/version/p.json",
        "sync R/.incoming-I/version/p.json",
        "writeFile R/.incoming-I/version/q.json",
        "sync R/.incoming-I/version/q.json",
        "sync R/.incoming-I/version",
        "mkdir R/applications/app",
        "sync R/applications",
        "rename R/.incoming-I/version R/applications/app/1.0.0",
        "sync R/applications/app",
        "rm R/.incoming-I",
      ]
    `);
  });

  test.each([8, 20])("by SIGKILL before change %d, really", async (n) => {
    await using program = await makeFile();
    const { signal } = spawnSync(process.execPath, [...nodeArgs, String(n), program.file, program.dir]);
    expect(signal).toBe("SIGKILL");
    const to = await openRepository({ kind: "file", dir: join(program.dir, "repository") });
    const description = { version: "1.0.0", args: ["--serve"] };
    await publish({ file: program.file, to, application: "app", description, profiles: ["p", "q"] });
    expect(await to.applications.list()).toEqual(whole);
    expect(refOf(await contentAt(to.binaries, content.ref.sha256))).toEqual(content.ref);
  });
});
