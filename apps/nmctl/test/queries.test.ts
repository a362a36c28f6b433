import { NodeError } from "@nodemanager/core";
import { LogStream, ObjectState, ObjectStatus } from "@nodemanager/proto/v1";
import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { NAMES } from "./fixtures/scripted-node.ts";
import { suiteNode } from "./fixtures/suite-node.ts";

const suite = suiteNode();
const ESCAPE = "\u001b";

describe("ls", () => {
  it("is a table for people", async () => {
    const { stdout } = await suite.nmctl(["ls", "apps/web/**"]);
    expect(stdout).toBe(
      [
        `NAME${" ".repeat(NAMES.running.length - 4)}  STATE      VERSION`,
        "apps/web",
        `${NAMES.webInstallation}${" ".repeat(27)}  installed  1.4.2`,
        `${NAMES.running}  running    1.4.2`,
        `${NAMES.suspended}  suspended  1.4.1`,
        "",
      ].join("\n"),
    );
  });

  it("asks for the glob, and for everything without one", async () => {
    await suite.nmctl(["ls", "apps/*"]);
    await suite.nmctl(["ls"]);
    expect(suite.node.calls.map(({ request }) => request.glob)).toEqual(["apps/*", ""]);
  });

  it("prints names alone, one a line", async () => {
    const { stdout } = await suite.nmctl(["ls", "-o", "name", "apps/*"]);
    expect(stdout).toBe("apps/web\napps/db\n");
  });

  it("prints one JSON document with the names of the protocol", async () => {
    const { stdout } = await suite.nmctl(["ls", "-o", "json", NAMES.webInstallation]);
    expect(JSON.parse(stdout)).toEqual([
      {
        name: NAMES.webInstallation,
        state: "OBJECT_STATE_INSTALLED",
        installation: {
          origin: "file:/srv/repository/web",
          version: "1.4.2",
          installed_at: "1970-01-01T00:16:40.000Z",
          instances: 2,
          running: 1,
        },
      },
    ]);
  });

  it("prints the same as YAML", async () => {
    const [json, yaml] = await Promise.all([suite.nmctl(["ls", "-o", "json"]), suite.nmctl(["ls", "-o", "yaml"])]);
    expect(parse(yaml.stdout)).toEqual(JSON.parse(json.stdout));
  });

  it("of nothing is an empty document, and a word to people", async () => {
    suite.node.objects = [];
    expect(await suite.nmctl(["ls"])).toEqual({ status: 0, stdout: "", stderr: "nothing is installed\n" });
    expect(await suite.nmctl(["ls", "-o", "json"])).toEqual({ status: 0, stdout: "[]\n", stderr: "" });
    expect(await suite.nmctl(["ls", "-o", "name"])).toEqual({ status: 0, stdout: "", stderr: "" });
  });

  it("of a glob that matches nothing does not say that nothing is installed", async () => {
    const stderr = 'nothing matches "apps/none*"\n';
    expect(await suite.nmctl(["ls", "apps/none*"])).toEqual({ status: 0, stdout: "", stderr });
    expect(await suite.nmctl(["status", "apps/none*"])).toEqual({ status: 0, stdout: "", stderr });
  });

  it.each([
    ["apps/none", "APPLICATION_NOT_FOUND"],
    [`apps/web/${"z".repeat(26)}`, "INSTALLATION_NOT_FOUND"],
    [`${NAMES.webInstallation}/${"z".repeat(26)}`, "INSTANCE_NOT_FOUND"],
  ])("of %s, which is not there, ends with status 4", async (name, reason) => {
    const { status, stderr } = await suite.nmctl(["ls", name]);
    expect(status).toBe(4);
    expect(stderr).toContain(reason);
  });

  it("fails as the node says, with a status for each kind of reason", async () => {
    for (const [reason, expected] of [
      ["INTERNAL", 1],
      ["INVALID_NAME", 2],
      ["APPLICATION_NOT_FOUND", 4],
      ["DEADLINE_EXCEEDED", 5],
      ["PERMISSION_DENIED", 6],
      ["UNAUTHENTICATED", 6],
      ["CANCELLED", 130],
    ] as const) {
      suite.node.failure = new NodeError(reason, "no");
      const { status, stderr } = await suite.nmctl(["ls"]);
      expect({ reason, status }).toEqual({ reason, status: expected });
      expect(stderr).toContain(`(${reason})`);
    }
  });
});

describe("status", () => {
  it("says why something does not run, and how it ended", async () => {
    const { stdout } = await suite.nmctl(["status"]);
    const rows = stdout.split("\n").map((line) => line.split(/ {2,}/));
    expect(rows[0]).toEqual(["NAME", "STATE", "VERSION", "PID", "SINCE", "DETAIL"]);
    expect(rows).toContainEqual([NAMES.running, "running", "1.4.2", "4711", "17m"]);
    expect(rows).toContainEqual([
      NAMES.suspended,
      "suspended",
      "1.4.1",
      "60s",
      "by exit: it ended; its last process exited with status 3",
    ]);
    expect(rows).toContainEqual([NAMES.web, "1 installation"]);
    expect(rows).toContainEqual([NAMES.broken, "broken", "7.0.0", "instance.json: createdAt: not a date"]);
  });

  it("of nm is the manager's", async () => {
    const { stdout } = await suite.nmctl(["status", "nm"]);
    expect(stdout).toContain("root:            /var/lib/noded\n");
    expect(stdout).toContain("instances:       3, 1 running\n");
    expect(stdout).toContain("memory:          63.4 MB\n");
    const json = await suite.nmctl(["status", "nm", "-o", "json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      pid: 4711,
      shutdown_policy: "suspend",
      resident_bytes: "63400000",
    });
  });

  it("leaves out optional columns where the terminal is narrow, never the name", async () => {
    const wide = await suite.nmctl(["status", NAMES.suspended], { stdoutColumns: 200, env: { NO_COLOR: "1" } });
    const narrow = await suite.nmctl(["status", NAMES.suspended], { stdoutColumns: 76, env: { NO_COLOR: "1" } });
    expect(wide.stdout.split("\n")[0]).toMatch(/NAME +STATE +VERSION +PID +SINCE +DETAIL/);
    expect(narrow.stdout.split("\n")[0]).toMatch(/^NAME +STATE$/);
    expect(narrow.stdout).toContain(`${NAMES.suspended}  suspended`);
  });

  it("shortens the last column to the terminal", async () => {
    const { stdout } = await suite.nmctl(["status", NAMES.suspended], { stdoutColumns: 120, env: { NO_COLOR: "1" } });
    const [header = "", row = ""] = stdout.split("\n");
    expect(header).toContain("DETAIL");
    expect(row).toMatch(/…$/);
    expect(row.length).toBeLessThanOrEqual(120);
  });

  it("uses colour on a terminal only, and not with NO_COLOR", async () => {
    const coloured = await suite.nmctl(["ls"], { stdoutColumns: 200 });
    expect(coloured.stdout).toContain(`${ESCAPE}[32mrunning`);
    const plain = await suite.nmctl(["ls"], { stdoutColumns: 200, env: { NO_COLOR: "1" } });
    const piped = await suite.nmctl(["ls"]);
    expect(plain.stdout + piped.stdout).not.toContain(ESCAPE);
  });

  it("does not let what it shows command the terminal", async () => {
    suite.node.objects = [
      ObjectStatus.create({
        name: "apps/\u202eweb",
        state: ObjectState.BROKEN,
        error: `${ESCAPE}]0;title\u0007\nnmctl`,
      }),
    ];
    const { stdout } = await suite.nmctl(["status"]);
    expect(stdout).toContain("apps/\\u{202e}web");
    expect(stdout).toContain("\\x1b]0;title\\x07\\x0anmctl");
    expect(stdout).not.toContain(ESCAPE);
  });

  it("aligns titles of wide and combined characters", async () => {
    suite.node.objects = ["apps/日本", "apps/abcd", "apps/e\u0301e\u0301e\u0301e\u0301", "apps/👩‍👩‍👧cd"].map((name) =>
      ObjectStatus.create({ name, state: ObjectState.BROKEN }),
    );
    const { stdout } = await suite.nmctl(["ls"]);
    expect(stdout.split("\n").slice(1, 5)).toEqual([
      "apps/日本  broken",
      "apps/abcd  broken",
      "apps/e\u0301e\u0301e\u0301e\u0301  broken",
      "apps/👩‍👩‍👧cd  broken",
    ]);
  });
});

describe("watch", () => {
  it("prints what is there, then changes, a line each", async () => {
    const { stdout, status } = await suite.nmctl(["watch", "apps/web/*/*"]);
    expect(status).toBe(0);
    const [header = "", first = "", ...more] = stdout.trimEnd().split("\n");
    expect(header).toMatch(/^EVENT +NAME +STATE/);
    expect(first).toMatch(new RegExp(`^existing {2}${NAMES.running} {2}running`));
    expect(more).toHaveLength(1);
  });

  it("prints one JSON document a line, YAML documents apart", async () => {
    const json = await suite.nmctl(["watch", "apps/*", "-o", "json"]);
    const documents = json.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(documents).toMatchObject([
      { kind: "KIND_EXISTING", object: { name: "apps/web" } },
      { kind: "KIND_EXISTING", object: { name: "apps/db" } },
    ]);
    const yaml = await suite.nmctl(["watch", "apps/*", "-o", "yaml"]);
    expect(
      parseAllDocuments(yaml.stdout).map((document) => ("toJS" in document ? document.toJS() : undefined)),
    ).toEqual(documents);
  });

  it("prints each event when it comes", async () => {
    const { promise: seen, resolve } = Promise.withResolvers<void>();
    // The node ends the stream only once the first line was printed.
    suite.node.until = () => seen;
    const { status } = await suite.nmctl(["watch", "apps/web"], {
      onStdout: (text) => text.includes("existing") && resolve(),
    });
    expect(status).toBe(0);
  });
});

describe("logs", () => {
  it("passes bytes on as they are", async () => {
    suite.node.logs = [
      { stream: LogStream.STDOUT, data: Buffer.from("half a ") },
      { stream: LogStream.STDERR, data: Buffer.from("oops\n") },
      { stream: LogStream.STDOUT, data: Buffer.from(`line${ESCAPE}[0m`) },
    ];
    expect(await suite.nmctl(["logs", NAMES.running])).toEqual({
      status: 0,
      stdout: `half a oops\nline${ESCAPE}[0m`,
      stderr: "",
    });
    expect((await suite.nmctl(["logs", NAMES.running, "--stream", "stderr"])).stdout).toBe("oops\n");
  });

  it("asks for lines and following", async () => {
    await suite.nmctl(["logs", "-fn10", NAMES.running]);
    await suite.nmctl(["logs", NAMES.running, "-n", "0"]);
    await suite.nmctl(["logs", NAMES.running]);
    expect(suite.node.calls.map(({ request }) => [request.follow, request.tailLines])).toEqual([
      [true, 10],
      [false, 0],
      [false, undefined],
    ]);
  });
});

describe("questions to the node", () => {
  it("describe prints facts, and all of them as JSON", async () => {
    const { stdout } = await suite.nmctl(["describe"]);
    expect(stdout).toContain("profiles:    linux-amd64-glibc\n             linux-amd64\n");
    const json = JSON.parse((await suite.nmctl(["describe", "-o", "json"])).stdout);
    expect(json).toMatchObject({ hostname: "lab", specification: { libraries: [{ name: "ssl", version: "3" }] } });
    expect((await suite.nmctl(["describe", "-o", "name"])).stdout).toBe("lab\n");
  });

  it("is-runnable asks about a profile and ends as the answer is", async () => {
    expect(await suite.nmctl(["is-runnable", "linux-amd64"])).toMatchObject({
      status: 0,
      stdout: "runnable: it fits\n",
    });
    const { status, stdout } = await suite.nmctl(["is-runnable", "darwin-arm64", "-o", "json"]);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toEqual({ reason: "it does not fit" });
  });

  it("is-runnable looks at a file and sends what it needs", async () => {
    await suite.nmctl(["is-runnable", process.execPath]);
    expect(suite.node.calls).toMatchObject([
      { request: { profiles: [], specification: { format: "ELF", os: "linux" } } },
    ]);
  });

  it.each(["/nonexistent", "/etc/passwd", "/"])("is-runnable of %s is a mistake, and nobody is asked", async (file) => {
    expect((await suite.nmctl(["is-runnable", file])).status).toBe(2);
    expect(suite.node.calls).toEqual([]);
  });

  it("debug prints text that does not command the terminal", async () => {
    const { stdout } = await suite.nmctl(["debug", NAMES.running]);
    expect(stdout).toBe("state: fine\n\\x1b[2Jnot obeyed\n");
    expect(suite.node.calls).toMatchObject([{ method: "debug", request: { name: NAMES.running } }]);
  });

  it("tidy prints what was removed", async () => {
    const { stdout, stderr } = await suite.nmctl(["tidy", "--dry-run"]);
    expect(stdout).toBe("blobs/sha256/00\n");
    expect(stderr).toBe("would free 1.5 MB\n");
    expect(suite.node.calls).toMatchObject([{ request: { dryRun: true } }]);
  });

  it("reset --yes and shutdown take a deadline and call the node", async () => {
    expect((await suite.nmctl(["reset", "--yes", "--deadline", "5s"])).status).toBe(0);
    expect((await suite.nmctl(["shutdown", "--deadline", "2s"])).status).toBe(0);
    expect(suite.node.calls).toMatchObject([
      { method: "reset", request: { deadline: { seconds: 5n } } },
      { method: "shutdown", request: { deadline: { seconds: 2n } } },
    ]);
  });

  it("reset and shutdown that the node refuses end with the status of the reason", async () => {
    suite.node.failure = new NodeError("PERMISSION_DENIED", "not you");
    expect((await suite.nmctl(["reset", "--yes"])).status).toBe(6);
    expect((await suite.nmctl(["shutdown"])).status).toBe(6);
  });

  it("claim says that it is not there in this version", async () => {
    const { status, stderr } = await suite.nmctl(["claim", "device:1"]);
    expect(status).toBe(1);
    expect(stderr).toContain("(NOT_IMPLEMENTED)");
    expect(suite.node.calls).toEqual([]);
  });

  it("version needs no node", async () => {
    const { status, stdout } = await suite.nmctl(["version"], { env: { NMCTL_NODE: "unix:/nobody" } });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\S*\n$/);
  });
});
