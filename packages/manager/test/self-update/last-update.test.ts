import type { ManagerMove, WorkspaceRecord } from "@nodemanager/layout";
import { describe, expect, test } from "vitest";
import { lastUpdateOf } from "../../src/self-update/last-update.ts";

const AT = new Date("2026-11-22T09:15:00Z");
const OLD = "0001-20261122T091500Z";
const NEW = "0002-20261122T091500Z";

const MOVE: ManagerMove = { kind: "update", from: OLD, fromVersion: "1.0.0", to: NEW, toVersion: "2.0.0", at: AT };

const WORKSPACE: WorkspaceRecord = {
  kind: "workspace",
  version: NEW,
  dir: `/root/node-manager/${NEW}`,
  programFile: "",
  scriptFile: "",
  settingsFile: "",
  settings: {},
  envelope: {},
  wasStarted: true,
};

describe("the last move", () => {
  test("is switched as long as the new version runs and is not healthy, then healthy", () => {
    const running = { running: NEW, to: WORKSPACE };
    expect(lastUpdateOf(MOVE, { ...running, isHealthy: false })).toMatchObject({ state: "switched", why: "" });
    expect(lastUpdateOf(MOVE, { ...running, isHealthy: true })).toMatchObject({
      state: "healthy",
      fromVersion: "1.0.0",
      toVersion: "2.0.0",
      requestId: "",
    });
  });

  test("fell back when the old version runs and the new one was given up, with what is known of why", () => {
    const gaveUp = { ...WORKSPACE, fellBackAt: AT };
    const running = { running: OLD, isHealthy: true };
    expect(lastUpdateOf(MOVE, { ...running, to: gaveUp })).toMatchObject({
      state: "fell-back",
      why: "it did not become healthy in 3 starts",
    });
    const failure = { at: AT, reason: "ADDRESS_IN_USE", message: "somebody else serves there" };
    expect(lastUpdateOf(MOVE, { ...running, to: { ...gaveUp, failure } })?.why).toContain("somebody else serves there");
  });

  test.each([
    ["it was not made", { running: OLD, isHealthy: true, to: WORKSPACE }],
    ["something else runs", { running: "0003-20261122T091500Z", isHealthy: true, to: WORKSPACE }],
    ["what runs is from no workspace", { running: undefined, isHealthy: true, to: undefined }],
  ])("is none when %s", (_, o) => {
    expect(lastUpdateOf(MOVE, o)).toBeUndefined();
  });
});
