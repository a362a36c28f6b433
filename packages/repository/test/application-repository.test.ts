import { failureOf, reasonOf } from "@nodemanager/testing";
import { describe, expect, test } from "vitest";
import { chunksOf, contentOf, envelopeOf, offer } from "./fixture.ts";
import { KINDS } from "./repository-kinds.ts";

// The checklist's A1 and A2, and what our own rules add, for every kind of repository.
describe.each(KINDS)("applications of a $kind repository", ({ make }) => {
  test("an envelope is there for each profile it was put for, with every field", async () => {
    await using made = await make();
    const { applications, binaries } = made.repository;
    const { bytes, ref } = contentOf(10);
    await binaries.upload(ref, chunksOf(bytes));
    const envelope = envelopeOf("1.2.3-rc.1+5", ref, {
      title: "地図 (maps)",
      args: ["--port", "80", "", "ünï"],
      env: { A: "1", B: "" },
      readiness: { kind: "tcp", host: "127.0.0.2", port: 8080, timeoutMs: 1234 },
      stop: { signal: "SIGINT", graceMs: 0 },
      publisher: "me",
    });
    await applications.put("maps", { profiles: ["p", "q/8".replace("/", ":"), "p"], envelope });
    for (const profile of ["p", "q:8"]) {
      expect(await applications.match("maps", { profiles: [profile] })).toEqual({ envelope, profile });
    }
  });

  test.each([
    { kind: "none", settleMs: 5 },
    { kind: "fd", timeoutMs: 7 },
    { kind: "http", url: "http://127.0.0.1:80/x" },
    { kind: "handshake" },
    { kind: "appcycle" },
  ])("readiness $kind is kept", async (readiness) => {
    await using made = await make();
    const { applications, binaries } = made.repository;
    const { bytes, ref } = contentOf(10);
    await binaries.upload(ref, chunksOf(bytes));
    const envelope = envelopeOf("1.0.0", ref, { readiness });
    await applications.put("app", { profiles: ["p"], envelope });
    expect((await applications.match("app", { profiles: ["p"] })).envelope).toEqual(envelope);
  });

  test("match takes the first profile that has anything, then the highest version, or the requested one", async () => {
    await using made = await make();
    const { applications } = made.repository;
    await offer(made.repository, "app", "1.9.0", ["base", "best"]);
    await offer(made.repository, "app", "1.10.0", ["base"]);
    await offer(made.repository, "app", "1.10.0-rc.1", ["base"]);
    const versionOf = async (profiles: string[], version?: string) =>
      (await applications.match("app", { profiles, version })).envelope.version;
    expect(await versionOf(["base"])).toBe("1.10.0");
    expect(await versionOf(["best", "base"])).toBe("1.9.0");
    expect(await versionOf(["base", "best"])).toBe("1.10.0");
    expect(await versionOf(["none", "best"])).toBe("1.9.0");
    expect(await versionOf(["best", "base"], "1.10.0-rc.1")).toBe("1.10.0-rc.1");
  });

  test("what is not there has its own reason", async () => {
    await using made = await make();
    const { applications } = made.repository;
    await offer(made.repository, "base", "1.0.0", ["p"]);
    expect(await reasonOf(applications.match("bas", { profiles: ["p"] }))).toBe("ENVELOPE_NOT_FOUND");
    expect(await reasonOf(applications.match("base2", { profiles: ["p"] }))).toBe("ENVELOPE_NOT_FOUND");
    expect(await reasonOf(applications.match("base", { profiles: ["p"], version: "1.0.1" }))).toBe("VERSION_NOT_FOUND");
    const error = await failureOf(applications.match("base", { profiles: ["q", "r"] }));
    expect(error.reason).toBe("PROFILE_MISMATCH");
    expect(error.metadata).toEqual({ supported: "q, r", offered: "p" });
    expect(await reasonOf(applications.match("base", { profiles: [] }))).toBe("PROFILE_MISMATCH");
    expect(await reasonOf(applications.profiles("bas"))).toBe("ENVELOPE_NOT_FOUND");
    expect(await reasonOf(applications.profiles("base", { version: "2.0.0" }))).toBe("VERSION_NOT_FOUND");
  });

  test("putting the same again changes nothing, and another content is refused for the whole put", async () => {
    await using made = await make();
    const { applications } = made.repository;
    const envelope = await offer(made.repository, "app", "1.0.0", ["p"]);
    await applications.put("app", { profiles: ["p"], envelope });
    const other = { ...envelope, args: ["--other"] };
    expect(await reasonOf(applications.put("app", { profiles: ["q", "p"], envelope: other }))).toBe("ALREADY_EXISTS");
    expect(await applications.profiles("app")).toEqual(["p"]);
    expect(await applications.match("app", { profiles: ["p"] })).toEqual({ envelope, profile: "p" });
  });

  test("further profiles are added to a version, with another content if need be", async () => {
    await using made = await make();
    const { applications } = made.repository;
    const envelope = await offer(made.repository, "app", "1.0.0", ["p"]);
    const other = { ...envelope, args: ["--other"] };
    await applications.put("app", { profiles: ["q", "r"], envelope: other });
    expect(await applications.list()).toEqual([{ application: "app", version: "1.0.0", profiles: ["p", "q", "r"] }]);
    expect((await applications.match("app", { profiles: ["p"] })).envelope).toEqual(envelope);
    expect((await applications.match("app", { profiles: ["q"] })).envelope).toEqual(other);
  });

  test("an envelope without its binary, or for no profile, is refused", async () => {
    await using made = await make();
    const { applications, binaries } = made.repository;
    const { bytes, ref } = contentOf(10);
    const envelope = envelopeOf("1.0.0", ref);
    expect(await reasonOf(applications.put("app", { profiles: ["p"], envelope }))).toBe("BINARY_NOT_FOUND");
    await binaries.upload(ref, chunksOf(bytes));
    const wrongSize = envelopeOf("1.0.0", { ...ref, sizeBytes: 11 });
    expect(await reasonOf(applications.put("app", { profiles: ["p"], envelope: wrongSize }))).toBe("SIZE_MISMATCH");
    expect(await reasonOf(applications.put("app", { profiles: [], envelope }))).toBe("INVALID_ARGUMENT");
    expect(await applications.list()).toEqual([]);
  });

  test.each(["a/b", "../../etc", "a\nb", "", "x".repeat(129), "地".repeat(29)])(
    "the name %j is refused",
    async (application) => {
      await using made = await make();
      const { applications, binaries } = made.repository;
      const { bytes, ref } = contentOf(10);
      await binaries.upload(ref, chunksOf(bytes));
      const envelope = envelopeOf("1.0.0", ref);
      expect(await reasonOf(applications.put(application, { profiles: ["p"], envelope }))).toBe("INVALID_NAME");
      expect(await reasonOf(applications.match(application, { profiles: ["p"] }))).toBe("INVALID_NAME");
      expect(await reasonOf(applications.remove(application))).toBe("INVALID_NAME");
    },
  );

  test.each(["", "a/b", "../p", "p\0"])("the profile %j is refused", async (profile) => {
    await using made = await make();
    const { applications } = made.repository;
    const envelope = await offer(made.repository, "app", "1.0.0", ["p"]);
    expect(await reasonOf(applications.put("app", { profiles: [profile], envelope }))).toBe("INVALID_ARGUMENT");
  });

  test.each(["..", ".", ".hidden", "...", "100%", "a:b\\c", "-rf"])("the name %j is as good as any", async (name) => {
    await using made = await make();
    const { applications } = made.repository;
    const envelope = await offer(made.repository, name, "1.0.0", ["p"]);
    expect(await applications.list()).toEqual([{ application: name, version: "1.0.0", profiles: ["p"] }]);
    expect((await applications.match(name, { profiles: ["p"] })).envelope).toEqual(envelope);
    expect(await applications.remove(name)).toBe(1);
    expect(await applications.list()).toEqual([]);
  });

  test("remove takes away one envelope, one version, one profile, or all; what is not there has its reason", async () => {
    await using made = await make();
    const { applications } = made.repository;
    for (const version of ["1.0.0", "2.0.0", "3.0.0"]) {
      await offer(made.repository, "app", version, ["p", "q"]);
    }
    await offer(made.repository, "apple", "1.0.0", ["p"]);
    expect(await applications.remove("app", { version: "1.0.0", profile: "p" })).toBe(1);
    expect(await applications.profiles("app", { version: "1.0.0" })).toEqual(["q"]);
    expect(await reasonOf(applications.remove("app", { version: "1.0.0", profile: "p" }))).toBe("PROFILE_NOT_FOUND");
    expect(await applications.remove("app", { version: "2.0.0" })).toBe(2);
    expect(await reasonOf(applications.remove("app", { version: "2.0.0" }))).toBe("VERSION_NOT_FOUND");
    expect(await applications.remove("app", { profile: "q" })).toBe(2);
    expect(await applications.list()).toEqual([
      { application: "app", version: "3.0.0", profiles: ["p"] },
      { application: "apple", version: "1.0.0", profiles: ["p"] },
    ]);
    expect(await applications.remove("app")).toBe(1);
    expect(await reasonOf(applications.remove("app"))).toBe("ENVELOPE_NOT_FOUND");
    expect((await applications.list()).map((release) => release.application)).toEqual(["apple"]);
  });

  test("a removed version may be published again, with another content", async () => {
    await using made = await make();
    const { applications } = made.repository;
    const envelope = await offer(made.repository, "app", "1.0.0", ["p"]);
    await applications.remove("app", { version: "1.0.0" });
    const other = { ...envelope, args: ["--other"] };
    await applications.put("app", { profiles: ["p"], envelope: other });
    expect((await applications.match("app", { profiles: ["p"] })).envelope).toEqual(other);
  });

  test("everything is there after a restart", async () => {
    await using made = await make();
    const envelope = await offer(made.repository, "app", "1.0.0", ["p"]);
    const { applications } = await made.reopen();
    expect(await applications.match("app", { profiles: ["p"] })).toEqual({ envelope, profile: "p" });
  });

  test("an aborted call does nothing", async () => {
    await using made = await make();
    const { applications } = made.repository;
    const envelope = await offer(made.repository, "app", "1.0.0", ["p"]);
    const signal = AbortSignal.abort();
    expect(await reasonOf(applications.put("app", { profiles: ["q"], envelope, signal }))).toBe("CANCELLED");
    expect(await reasonOf(applications.remove("app", { signal }))).toBe("CANCELLED");
    expect(await reasonOf(applications.match("app", { profiles: ["p"], signal }))).toBe("CANCELLED");
    expect(await applications.profiles("app")).toEqual(["p"]);
  });
});
