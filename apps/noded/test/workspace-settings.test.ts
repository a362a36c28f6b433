import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadAllSettings, type Sources } from "@nodemanager/noded/settings";
import { failureOf, type TempDir, tempDir } from "@nodemanager/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EXIT, exitCodeFor } from "../src/exit-codes.ts";
import { initEnvironment, ownProgram } from "../src/own-program.ts";

const NOBODY: Sources = { args: [], env: {}, uid: 1000, home: "/home/me" };

let dir: TempDir;
let file: string;
let config: string;

beforeEach(async () => {
  dir = await tempDir();
  file = join(dir.path, "settings.json");
  config = join(dir.path, "noded.json");
});

afterEach(async () => {
  await dir[Symbol.asyncDispose]();
});

function write(path: string, value: object): void {
  writeFileSync(path, JSON.stringify(value));
}

function load(o: { args?: readonly string[]; env?: Sources["env"] } = {}) {
  return loadAllSettings({ ...NOBODY, env: o.env ?? {}, args: ["--settings", file, ...(o.args ?? [])] });
}

describe("the settings of a workspace", () => {
  test("come between the environment and the configuration file that they name", () => {
    write(config, { logLevel: "debug", shutdownPolicy: "leave", maxBinaryBytes: 1 });
    write(file, { schemaVersion: 1, config, logLevel: "warn", shutdownPolicy: "suspend" });
    expect(load().settings).toMatchObject({ logLevel: "warn", shutdownPolicy: "suspend", maxBinaryBytes: 1 });
    expect(load({ env: { NODED_LOG_LEVEL: "error" } }).settings.logLevel).toBe("error");
    expect(load({ env: { NODED_LOG_LEVEL: "error" }, args: ["--log-level", "info"] }).settings.logLevel).toBe("info");
  });

  test("hand on what was said, and not what the configuration file says", () => {
    write(config, { maxBinaryBytes: 1, logLevel: "debug" });
    write(file, { schemaVersion: 1, config, root: "/one", logLevel: "warn" });
    const env = { NODED_SHUTDOWN_POLICY: "leave" };
    const { handedOn } = load({ env, args: ["--root", "/two", "--listen", "unix:/s", "--ready-fd", "4"] });
    // A descriptor is of one process.
    expect(handedOn).toEqual({ config, root: "/two", listen: ["unix:/s"], logLevel: "warn", shutdownPolicy: "leave" });
    write(file, { schemaVersion: 1, ...handedOn });
    expect(load().handedOn).toEqual(handedOn);
  });

  test("a configuration file that is named anew takes the place of theirs", () => {
    const other = join(dir.path, "other.json");
    write(config, { logLevel: "debug" });
    write(other, { logLevel: "error" });
    write(file, { schemaVersion: 1, config });
    expect(load({ args: ["--config", other] })).toMatchObject({
      settings: { logLevel: "error" },
      handedOn: { config: other },
    });
  });

  test("are read as version 1 wrote them", () => {
    const fixture = join(import.meta.dirname, "fixtures", "settings-1.json");
    const written = readFileSync(fixture, "utf8").replace("/etc/noded/noded.json", config);
    writeFileSync(file, written);
    write(config, { shutdownPolicy: "suspend", trialTimeoutMs: 1 });
    const { settings, handedOn, isTrial } = load();
    expect(settings).toMatchObject({
      root: "/var/lib/noded",
      shutdownPolicy: "leave",
      tlsCert: "/c",
      trialTimeoutMs: 1,
    });
    expect({ schemaVersion: 1, ...handedOn }).toEqual(JSON.parse(written));
    expect(isTrial).toBe(false);
  });

  test.each(["the settings", "the configuration file"])(
    "%s from the future is refused before anything else is looked at",
    async (which) => {
      write(config, { schemaVersion: which === "the settings" ? 1 : 2, rot: 13 });
      write(file, {
        schemaVersion: which === "the settings" ? 2 : 1,
        ...(which === "the settings" ? { root: { of: "all" } } : { config }),
      });
      const failure = await failureOf(async () => load());
      expect(failure).toMatchObject({ reason: "FORMAT_TOO_NEW", metadata: { found: "2", supported: "1" } });
      expect(exitCodeFor(failure)).toBe(EXIT.formatTooNew);
    },
  );

  test.each([
    { schemaVersion: "1" },
    { schemaVersion: 0 },
    { config: 1 },
    { trial: "yes" },
    { rot: 13 },
    { trial: { rot: 13 } },
  ])("%j is wrong", async (value) => {
    write(file, value);
    const failure = await failureOf(async () => load());
    expect([failure.reason, exitCodeFor(failure)]).toEqual(["INVALID_CONFIG", EXIT.config]);
    expect(failure.message).toContain(file);
  });

  test("on trial they are checked as they are, then taken to another place", async () => {
    const tls = { listen: ["h:1"], tlsCert: "/c", tlsKey: "/k", clientCa: "/a", logLevel: "debug" };
    const trial = { root: "/scratch", listen: ["unix:/scratch/s"], currentLink: "/scratch/current" };
    write(file, { schemaVersion: 1, root: "/real", ...tls, trial });
    const { settings, isTrial } = load();
    expect(isTrial).toBe(true);
    expect(settings).toMatchObject({ root: "/scratch", currentLink: "/scratch/current", logLevel: "debug" });
    expect(settings.listen).toEqual([{ kind: "unix", path: "/scratch/s" }]);
    expect(settings.tlsCert).toBeUndefined();
    // What would keep the candidate from serving later is found now.
    write(file, { schemaVersion: 1, root: "/real", ...tls, clientCa: undefined, trial });
    expect((await failureOf(async () => load())).reason).toBe("INVALID_CONFIG");
  });
});

test("a program of several files knows no file that it is", () => {
  expect(ownProgram()).toBeUndefined();
});

test("a candidate gets the environment that init gives, without what is of this one process", () => {
  const env = {
    ...{ PATH: "/bin", LANG: "C.UTF-8", SSL_CERT_FILE: "/etc/ca", NODE_OPTIONS: "--use-system-ca" },
    ...{
      NODED_ROOT: "/r",
      NOTIFY_SOCKET: "/run/n",
      WATCHDOG_USEC: "1",
      "BASH_FUNC_x%%": "() { :; }",
      EMPTY: undefined,
    },
  };
  expect(Object.keys(initEnvironment(env))).toEqual(["PATH", "LANG", "SSL_CERT_FILE", "NODE_OPTIONS"]);
});
