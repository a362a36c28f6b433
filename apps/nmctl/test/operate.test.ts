import { NodeError } from "@nodemanager/core";
import { describe, expect, it } from "vitest";
import { failure, NAMES, outcome, progress } from "./fixtures/scripted-node.ts";
import { suiteNode } from "./fixtures/suite-node.ts";

const suite = suiteNode();
const notRunning = new NodeError("INSTANCE_NOT_RUNNING", "instance is not running", { metadata: { a: "b" } });

describe("install", () => {
  it("gives packages as repository put has named them", async () => {
    suite.node.operation = () => [outcome("file:/srv/r/web", NAMES.webInstallation)];
    const sha256 = "ab".repeat(32);
    await suite.nmctl(["install", "file:/srv/r/web", "--package", `theme=sha256:${sha256}:7:tar.gz`]);
    expect(suite.node.calls).toMatchObject([
      { method: "install", request: { packages: { theme: { sha256, sizeBytes: 7n, format: "tar.gz" } } } },
    ]);
  });

  it.each([
    "theme",
    "theme=",
    "theme=./light.tar.gz",
    `theme=sha256:${"ab".repeat(32)}:7`,
    `theme=sha256:${"AB".repeat(32)}:7:tar`,
    `theme=sha256:${"ab".repeat(32)}:7:zip`,
    `theme=sha256:${"ab".repeat(32)}:-1:tar`,
    `a/b=sha256:${"ab".repeat(32)}:7:tar`,
  ])("takes no package %s", async (text) => {
    const { status, stdout } = await suite.nmctl(["install", "file:/srv/r/web", "--package", text]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(suite.node.calls).toEqual([]);
  });

  it("prints just the name of the installation; progress goes to stderr", async () => {
    suite.node.operation = () => [
      progress("apps/web", "fetching", 0, 10, "bytes"),
      progress("apps/web", "fetching", 10, 10, "bytes"),
      progress("apps/web", "committing", 0, 0, ""),
      outcome("apps/web", NAMES.webInstallation),
    ];
    const ran = await suite.nmctl(["install", "file:/srv/r/web"]);
    expect(ran).toEqual({
      status: 0,
      stdout: `${NAMES.webInstallation}\n`,
      stderr: "apps/web: fetching\napps/web: fetching, 10 B of 10 B\napps/web: committing\n",
    });
  });

  it("says what failed, why and what to do", async () => {
    suite.node.failure = new NodeError("PROFILE_MISMATCH", "no profile matches: the node supports a, offered is b");
    const { status, stdout, stderr } = await suite.nmctl(["install", "file:/srv/r/web"]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(
      /^nmctl: install file:\/srv\/r\/web failed\n {2}why: .*\(PROFILE_MISMATCH\)\n {2}try: .+\n$/,
    );
  });
});

describe("an operation on one full name", () => {
  const methods = [
    ["start", NAMES.webInstallation],
    ["suspend", NAMES.running],
    ["resume", NAMES.suspended],
    ["restart", NAMES.running],
    ["refresh", NAMES.running],
    ["stop", NAMES.running],
    ["uninstall", NAMES.webInstallation],
    ["update", NAMES.webInstallation],
    ["revert", NAMES.running],
  ] as const;

  it.each(methods)("%s makes exactly one call and prints the outcome's name", async (command, name) => {
    suite.node.operation = () => [outcome(name, `${name}!`)];
    expect(await suite.nmctl([command, name])).toEqual({ status: 0, stdout: `${name}!\n`, stderr: "" });
    expect(suite.node.calls).toMatchObject([{ method: command, request: { name } }]);
  });

  it.each(methods)("%s fails with the status of the reason", async (command, name) => {
    suite.node.failure = new NodeError("INSTANCE_NOT_FOUND", "there is none");
    const { status, stdout, stderr } = await suite.nmctl([command, name]);
    expect({ status, stdout }).toEqual({ status: 4, stdout: "" });
    expect(stderr).toContain("(INSTANCE_NOT_FOUND)");
    expect(suite.node.operations).toHaveLength(1);
  });

  it("takes the deadline on the wire", async () => {
    await suite.nmctl(["stop", NAMES.running, "--deadline", "1m30.5s", "--request-id", "r1"]);
    expect(suite.node.calls).toMatchObject([
      { request: { deadline: { seconds: 90n, nanos: 500_000_000 }, requestId: "r1" } },
    ]);
    await suite.nmctl(["stop", NAMES.running]);
    expect(suite.node.calls[1]?.request.deadline).toBeUndefined();
  });

  it("takes --restart to update and revert", async () => {
    await suite.nmctl(["update", NAMES.running, "--restart"]);
    await suite.nmctl(["update-to", NAMES.web, "file:/srv/r/web@2.0.0"]);
    expect(suite.node.calls).toMatchObject([
      { method: "update", request: { restart: true } },
      { method: "updateTo", request: { name: NAMES.web, origin: "file:/srv/r/web@2.0.0", restart: false } },
    ]);
  });

  it("means the manager by nm", async () => {
    await suite.nmctl(["update", "nm"]);
    await suite.nmctl(["revert", "nm"]);
    expect(suite.node.operations).toEqual(["nodeUpdate", "nodeRevert"]);
  });

  it("passes a note on to people", async () => {
    suite.node.operation = () => [outcome(NAMES.running, NAMES.running, "a newer version is there: 2.0.0")];
    const { stdout, stderr } = await suite.nmctl(["refresh", NAMES.running]);
    expect(stdout).toBe(`${NAMES.running}\n`);
    expect(stderr).toBe(`${NAMES.running}: a newer version is there: 2.0.0\n`);
  });
});

describe("a batch", () => {
  it("is a partial name, which the node expands", async () => {
    suite.node.operation = () => [outcome(NAMES.running), failure(NAMES.suspended, notRunning)];
    const { status, stdout, stderr } = await suite.nmctl(["suspend", "apps/web"]);
    expect({ status, stdout }).toEqual({ status: 3, stdout: `${NAMES.running}\n` });
    expect(stderr).toContain(`suspend ${NAMES.suspended} failed`);
    expect(stderr).toContain("suspend failed for 1 of 2");
    expect(suite.node.calls).toHaveLength(1);
  });

  it("in which everything failed ends with status 1", async () => {
    suite.node.operation = ({ request }) => [failure(String(request.name), notRunning)];
    expect((await suite.nmctl(["suspend", NAMES.running, NAMES.suspended])).status).toBe(1);
  });

  it("of which nothing is found is done", async () => {
    suite.node.operation = () => [];
    expect(await suite.nmctl(["stop", "apps"])).toEqual({ status: 0, stdout: "", stderr: "nothing to stop\n" });
  });

  it("goes on when one call fails", async () => {
    suite.node.operation = ({ request }) => {
      if (request.name === NAMES.running) {
        throw notRunning;
      }
      return [outcome(String(request.name))];
    };
    const { status, stdout } = await suite.nmctl(["suspend", NAMES.running, NAMES.suspended]);
    expect({ status, stdout }).toEqual({ status: 3, stdout: `${NAMES.suspended}\n` });
  });

  it("prints its errors as data, too, in JSON: the reason is in ErrorInfo", async () => {
    suite.node.operation = () => [outcome(NAMES.running), failure(NAMES.suspended, notRunning)];
    const { stdout } = await suite.nmctl(["suspend", "apps/web", "-o", "json"]);
    expect(
      stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { name: NAMES.running, outcome: { name: NAMES.running } },
      {
        name: NAMES.suspended,
        error: {
          code: 9,
          message: "instance is not running",
          details: [
            {
              "@type": "type.googleapis.com/google.rpc.ErrorInfo",
              reason: "INSTANCE_NOT_RUNNING",
              domain: "nodemanager.dev",
              metadata: { a: "b" },
            },
          ],
        },
      },
    ]);
  });

  it("works on at most --parallel at a time, in order", async () => {
    const names = Array.from({ length: 6 }, (_, i) => `apps/web${i}`);
    let running = 0;
    let most = 0;
    suite.node.operation = async function* ({ request }) {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      yield outcome(String(request.name));
    };
    const one = await suite.nmctl(["start", ...names, "--parallel", "1"]);
    expect(one.stdout.trim().split("\n")).toEqual(names);
    expect(most).toBe(1);
    await suite.nmctl(["start", ...names, "--parallel", "2"]);
    expect(most).toBe(2);
  });

  it("works on several at the same time unless told otherwise", async () => {
    const names = Array.from({ length: 5 }, (_, i) => `apps/web${i}`);
    const { promise, resolve } = Promise.withResolvers<void>();
    let begun = 0;
    suite.node.operation = async function* ({ request }) {
      if (++begun === names.length) {
        resolve();
      }
      await promise;
      yield outcome(String(request.name));
    };
    expect((await suite.nmctl(["start", ...names])).status).toBe(0);
  });
});

describe("a glob", () => {
  it.each([
    ["start", "apps/*", [NAMES.webInstallation, NAMES.dbInstallation]],
    ["start", "**", [NAMES.webInstallation, NAMES.dbInstallation]],
    ["suspend", "**", [NAMES.running]],
    ["resume", "apps/w*", [NAMES.suspended]],
    ["stop", "apps/*/*/*", [NAMES.running, NAMES.suspended]],
    ["stop", `apps/*/*/${"c".repeat(26)}`, [NAMES.running]],
    ["uninstall", "apps/web/*", [NAMES.webInstallation]],
    ["refresh", "apps/db/**", [NAMES.dbInstallation, NAMES.broken]],
    ["update", "apps/*/*", [NAMES.webInstallation, NAMES.dbInstallation]],
  ] as const)("%s %s means what it applies to", async (command, glob, expected) => {
    const { status } = await suite.nmctl([command, glob, "--parallel", "1"]);
    expect(status).toBe(0);
    expect(suite.node.operations).toEqual(expected.map((name) => `${command} ${name}`));
  });

  it("that matches nothing ends with status 4 and changes nothing", async () => {
    const { status, stderr } = await suite.nmctl(["stop", "apps/wbe/**"]);
    expect(status).toBe(4);
    expect(stderr).toContain("INSTANCE_NOT_FOUND");
    expect(suite.node.operations).toEqual([]);
  });

  it("of which nothing is in the right state is done", async () => {
    expect(await suite.nmctl(["resume", "apps/db/**"])).toMatchObject({ status: 0, stderr: "nothing to resume\n" });
    expect(suite.node.operations).toEqual([]);
  });

  it("means each object once, also together with its name", async () => {
    await suite.nmctl(["stop", NAMES.suspended, "apps/web/**", "**", "--parallel", "1"]);
    expect(suite.node.operations).toEqual([`stop ${NAMES.suspended}`, `stop ${NAMES.running}`]);
  });

  it("is a batch even when it matches one", async () => {
    suite.node.operation = ({ request }) => [
      failure(String(request.name), new NodeError("INSTANCE_NOT_FOUND", "gone")),
    ];
    expect((await suite.nmctl(["suspend", "**"])).status).toBe(1);
  });

  it("fails as the list does", async () => {
    suite.node.failure = new NodeError("PERMISSION_DENIED", "not for you");
    expect((await suite.nmctl(["stop", "**"])).status).toBe(6);
  });
});
