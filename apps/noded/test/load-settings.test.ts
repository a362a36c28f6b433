import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { defaultPlaces, loadSettings, type Sources } from "@nodemanager/noded/settings";
import { failureOf, reasonOf, tempDir } from "@nodemanager/testing";
import { describe, expect, test } from "vitest";
import { EXIT, exitCodeFor } from "../src/exit-codes.ts";
import { flagOf, SETTINGS, type Settings, variableOf } from "../src/settings.ts";

const NOBODY: Sources = { args: [], env: {}, uid: 1000, home: "/home/me" };
const TLS = { tlsCert: "/c", tlsKey: "/k", clientCa: "/a" };

/** A value of each setting, and another one. */
const VALUES: Readonly<Record<keyof Settings, readonly [string, string]>> = {
  root: ["/one", "/two"],
  listen: ["unix:/one", "unix:/two"],
  shutdownPolicy: ["leave", "suspend"],
  logLevel: ["debug", "error"],
  maxBinaryBytes: ["1", "2"],
  maxPackageBytes: ["3", "4"],
  keepVersions: ["1", "2"],
  accountRange: ["70000-70001", "70001-70002"],
  repositoryStallMs: ["1", "2"],
  currentLink: ["/one", "/two"],
  origin: ["file:/r/one", "file:/r/two"],
  trialTimeoutMs: ["1", "2"],
  healthyAfterMs: ["0", "1"],
  healthyWithinMs: ["1000", "2000"],
  readyFd: ["4", "5"],
  profilesFile: ["/one", "/two"],
  tlsCert: ["/one", "/two"],
  tlsKey: ["/one", "/two"],
  clientCa: ["/one", "/two"],
  repositoryCa: ["/one", "/two"],
  repositoryCert: ["/one", "/two"],
  repositoryKey: ["/one", "/two"],
};

/** What some settings need beside themselves. */
function companions(key: string): Record<string, string> {
  if (key in TLS) {
    return { NODED_LISTEN: "h:1", NODED_TLS_CERT: "/c", NODED_TLS_KEY: "/k", NODED_CLIENT_CA: "/a" };
  }
  return key.startsWith("repository") ? { NODED_REPOSITORY_CERT: "/c", NODED_REPOSITORY_KEY: "/k" } : {};
}

describe("every setting", () => {
  test.each(SETTINGS.map(({ key }) => key))("%s is the same as flag, variable and key, in this order", async (key) => {
    await using dir = await tempDir();
    const config = join(dir.path, "config.json");
    const [one, two] = VALUES[key];
    const env = companions(key);
    const withoutIt = { ...env };
    delete withoutIt[variableOf(key)];
    writeFileSync(config, JSON.stringify({ [key]: one }));
    const fromFile = loadSettings({ ...NOBODY, args: ["--config", config], env: withoutIt });
    const fromVariable = loadSettings({ ...NOBODY, env: { ...env, [variableOf(key)]: one } });
    const fromFlag = loadSettings({ ...NOBODY, args: [`--${flagOf(key)}`, one], env });
    expect(fromVariable[key]).toEqual(fromFile[key]);
    expect(fromFlag[key]).toEqual(fromFile[key]);

    const variableOverFile = { ...NOBODY, env: { ...env, NODED_CONFIG: config, [variableOf(key)]: two } };
    expect(loadSettings(variableOverFile)[key]).not.toEqual(fromFile[key]);
    expect(loadSettings({ ...variableOverFile, args: [`--${flagOf(key)}`, one] })[key]).toEqual(fromFile[key]);
  });
});

test("an empty variable counts for nothing", () => {
  expect(loadSettings({ ...NOBODY, env: { NODED_LOG_LEVEL: "" } }).logLevel).toBe("info");
});

test("root's places are the system's, anybody else's are their own", () => {
  expect(defaultPlaces({ env: {}, uid: 0, home: "/root" })).toEqual({
    root: "/var/lib/noded",
    socket: "/run/noded/noded.sock",
  });
  expect(defaultPlaces(NOBODY)).toEqual({
    root: "/home/me/.local/state/noded",
    socket: "/run/user/1000/noded/noded.sock",
  });
  expect(defaultPlaces({ ...NOBODY, env: { XDG_STATE_HOME: "/s", XDG_RUNTIME_DIR: "/r" } })).toEqual({
    root: "/s/noded",
    socket: "/r/noded/noded.sock",
  });
  const useless = { XDG_STATE_HOME: "", XDG_RUNTIME_DIR: "relative" };
  expect(defaultPlaces({ ...NOBODY, env: useless })).toEqual(defaultPlaces(NOBODY));
});

test("a path is the same in all its spellings", () => {
  for (const root of ["/srv/node", "/srv/node/", "/srv/x/../node", "/srv//node"]) {
    expect(loadSettings({ ...NOBODY, args: ["--root", root] }).root).toBe("/srv/node");
  }
});

describe("what is wrong", () => {
  const exitFor = async (sources: Partial<Sources>) =>
    exitCodeFor(await failureOf(() => loadSettings({ ...NOBODY, ...sources })));

  test.each([
    [["--nothing"]],
    [["word"]],
    [["--root"]],
    [["--root", ""]],
    [["--root", "/a", "--root", "/b"]],
    [["--log-level", "loud"]],
    [["--listen", "x"]],
    [["--origin", "x"]],
    [["--max-binary-bytes=0"]],
    [["--max-binary-bytes=1e3"]],
    [["--ready-fd", "0"]],
    [["--account-range", "0-7"]],
  ])("in the arguments %j ends with the status for that", async (args) => {
    expect(await exitFor({ args })).toBe(EXIT.usage);
  });

  test("elsewhere ends with the other, and keeps its own reason", async () => {
    expect(await exitFor({ env: { NODED_LOG_LEVEL: "loud" } })).toBe(EXIT.config);
    expect(await reasonOf(() => loadSettings({ ...NOBODY, env: { NODED_LISTEN: "x" } }))).toBe("INVALID_ADDRESS");
    expect(await exitFor({ env: { NODED_CONFIG: "/nowhere" } })).toBe(EXIT.config);
  });

  test.each<[string, Record<string, string>]>([
    ["a network address without its files", { NODED_LISTEN: "h:1" }],
    ["one without its client CA", { NODED_LISTEN: "h:1", NODED_TLS_CERT: "/c", NODED_TLS_KEY: "/k" }],
    ["such files without a network address", { NODED_TLS_CERT: "/c", NODED_TLS_KEY: "/k", NODED_CLIENT_CA: "/a" }],
    ["a repository certificate without its key", { NODED_REPOSITORY_CERT: "/c" }],
  ])("%s is refused", async (_, env) => {
    expect(await reasonOf(() => loadSettings({ ...NOBODY, env }))).toBe("INVALID_CONFIG");
  });
});
