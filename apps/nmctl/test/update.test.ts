import { NodeError } from "@nodemanager/core";
import { ObjectEvent } from "@nodemanager/proto/v1";
import { describe, expect, it } from "vitest";
import { failure, NAMES, outcome, twoApplications } from "./fixtures/scripted-node.ts";
import { suiteNode } from "./fixtures/suite-node.ts";

const suite = suiteNode();
const CHANGES = [
  { field: "version", from: "1.4.2", to: "2.0.0" },
  { field: "binary.sha256", from: "aa", to: "bb" },
  { field: "binary.size", from: "7", to: "8" },
  { field: "env.LEVEL", from: "", to: "\u001b[2Jhigh" },
];

function changed(name: string, note = ""): ObjectEvent {
  return ObjectEvent.create({ name, event: { $case: "outcome", value: { name, note, changes: CHANGES } } });
}

describe("update", () => {
  it("prints the name, and says in a few words what changed", async () => {
    suite.node.operation = () => [changed(NAMES.webInstallation)];
    expect(await suite.nmctl(["update", NAMES.webInstallation, "--version", "2.0.0", "--deadline", "1s"])).toEqual({
      status: 0,
      stdout: `${NAMES.webInstallation}\n`,
      stderr: `${NAMES.webInstallation}: version 1.4.2 to 2.0.0, binary.sha256, env.LEVEL\n`,
    });
    expect(suite.node.calls).toMatchObject([
      { method: "update", request: { version: "2.0.0", dryRun: false, deadline: { seconds: 1n } } },
    ]);
  });

  it("is, for several objects, no failure where there is nothing to do", async () => {
    suite.node.objects = twoApplications();
    suite.node.operation = ({ request: { name } }) =>
      name === NAMES.webInstallation
        ? [outcome(NAMES.webInstallation)]
        : [failure(NAMES.dbInstallation, new NodeError("UPDATE_NOT_AVAILABLE", "it is up to date"))];
    const { status, stderr } = await suite.nmctl(["update", "apps/*/*"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: `${NAMES.dbInstallation}: up to date\n` });
    suite.node.operation = () => [failure(NAMES.dbInstallation, new NodeError("NO_PREVIOUS_VERSION", "there is none"))];
    expect((await suite.nmctl(["revert", NAMES.dbInstallation, NAMES.webInstallation])).status).toBe(0);
  });

  it("is a failure for one full name where there is nothing to do", async () => {
    suite.node.failure = new NodeError("UPDATE_NOT_AVAILABLE", "it is up to date");
    expect((await suite.nmctl(["update", NAMES.webInstallation])).status).toBe(4);
  });

  it.each(["UPDATE_NOT_AVAILABLE", "NO_PREVIOUS_VERSION", "UPDATE_FAILED"] as const)(
    "advises of the manager nothing that does not go with it, for %s",
    async (reason) => {
      suite.node.failure = new NodeError(reason, "it cannot be");
      const { stderr } = await suite.nmctl([reason === "NO_PREVIOUS_VERSION" ? "revert" : "update", "nm"]);
      expect(stderr).toContain("  try: ");
      expect(stderr).not.toMatch(/nmctl (diff|update-to|logs)|--version|--ready-timeout/);
    },
  );

  it("--dry-run prints what would change, and nothing in it commands the terminal", async () => {
    suite.node.operation = () => [changed(NAMES.webInstallation, "1.5 MB to fetch")];
    const { stdout, stderr } = await suite.nmctl(["update", NAMES.webInstallation, "--dry-run"]);
    expect(stdout).toBe(
      [
        NAMES.webInstallation,
        "FIELD          FROM   TO",
        "version        1.4.2  2.0.0",
        "binary.sha256  aa     bb",
        "binary.size    7      8",
        "env.LEVEL             \\x1b[2Jhigh",
        "",
      ].join("\n"),
    );
    expect(stderr).toBe(`${NAMES.webInstallation}: 1.5 MB to fetch\n`);
    expect(suite.node.calls).toMatchObject([{ request: { dryRun: true } }]);
  });
});

describe("diff", () => {
  it("asks for what an update would do, and prints it", async () => {
    suite.node.operation = () => [changed(NAMES.webInstallation)];
    const { status, stdout } = await suite.nmctl(["diff", NAMES.webInstallation, "2.0.0"]);
    expect(status).toBe(0);
    expect(stdout).toContain("version        1.4.2  2.0.0\n");
    expect(suite.node.calls).toMatchObject([{ method: "update", request: { dryRun: true, version: "2.0.0" } }]);
  });

  it("is, for programs, the event of the node", async () => {
    suite.node.operation = () => [changed(NAMES.webInstallation)];
    const { stdout } = await suite.nmctl(["-o", "json", "diff", NAMES.webInstallation]);
    expect(ObjectEvent.fromJSON(JSON.parse(stdout))).toEqual(changed(NAMES.webInstallation));
  });

  it.each([NAMES.web, NAMES.running, "nm", "apps"])("takes an installation, not %s", async (name) => {
    const { status } = await suite.nmctl(["diff", name]);
    expect(status).toBe(2);
    expect(suite.node.calls).toEqual([]);
  });
});

it("update-to passes everything on", async () => {
  await suite.nmctl(["update-to", NAMES.web, "file:/r/web", "--dry-run", "--restart", "--deadline", "2s"]);
  expect(suite.node.calls).toMatchObject([
    { method: "updateTo", request: { origin: "file:/r/web", dryRun: true, restart: true, deadline: { seconds: 2n } } },
  ]);
});

it("tidy takes an age of days", async () => {
  expect((await suite.nmctl(["tidy", "--older-than", "7d"])).status).toBe(0);
  expect(suite.node.calls).toMatchObject([{ request: { olderThan: { seconds: 604_800n }, dryRun: false } }]);
  expect((await suite.nmctl(["tidy", "--older-than", "366d"])).status).toBe(2);
});

it("status shows the version that a revert goes back to", async () => {
  const [, installation] = twoApplications();
  if (installation?.object?.$case !== "installation") {
    throw new Error("the second object is an installation");
  }
  installation.object.value.previousVersion = "1.4.1";
  suite.node.objects = [installation];
  expect((await suite.nmctl(["status", NAMES.webInstallation])).stdout).toContain("before it 1.4.1");
});
