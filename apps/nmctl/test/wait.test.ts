import { ManagerUpdate_State as State } from "@nodemanager/proto/v1";
import { describe, expect, it } from "vitest";
import { outcome, progress } from "./fixtures/scripted-node.ts";
import { suiteNode } from "./fixtures/suite-node.ts";

const suite = suiteNode();

const MOVE = { fromVersion: "1.0.0", toVersion: "2.0.0" };

/** The id with which nmctl asked for the move. */
function requestId(): string {
  return String(suite.node.calls.find(({ method }) => method.startsWith("node"))?.request.requestId ?? "");
}

describe("a move of the manager that is waited for", () => {
  it.each(["update", "revert"])("%s is over when the other version is healthy", async (command) => {
    const states = [undefined, State.SWITCHED, State.SWITCHED, State.HEALTHY];
    suite.node.operation = () => [progress("nm", "restarting", 0, 0, ""), outcome("nm", "nm", "2.0.0 is next")];
    suite.node.lastUpdate = () => {
      const state = states.shift();
      return state && { ...MOVE, state, requestId: requestId() };
    };
    expect(await suite.nmctl([command, "nm", "--wait"])).toEqual({
      status: 0,
      stdout: "nm\n",
      stderr: "nm: restarting\nnm: waiting for it to serve again\nnm: becoming healthy\nnm: it is healthy\n",
    });
    expect(requestId()).toMatch(/^[a-z2-7]{26}$/);
    expect(states).toEqual([]);
  });

  it("fails when the version before it is back, and says why", async () => {
    const why = "it did not become healthy in 3 starts";
    suite.node.lastUpdate = () => ({ ...MOVE, state: State.FELL_BACK, requestId: requestId(), why });
    const { status, stdout, stderr } = await suite.nmctl(["update", "nm", "--wait"]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toContain(`version 1.0.0 runs again, because of 2.0.0 ${why} (UPDATE_FAILED)`);
  });

  it("goes on while nobody serves, and takes another move for none of its own", async () => {
    let asked = 0;
    suite.node.operation = async function* () {
      yield outcome("nm");
      // The manager goes away with its last word.
      setImmediate(() => void suite.node.goAway().then(() => suite.node.comeBack()));
    };
    suite.node.lastUpdate = () => {
      asked++;
      return { ...MOVE, state: State.HEALTHY, requestId: asked === 1 ? "somebody else's" : "mine" };
    };
    expect(await suite.nmctl(["update", "nm", "--wait", "--request-id", "mine"])).toMatchObject({ status: 0 });
    expect(asked).toBe(2);
  });

  it("goes with nm alone", async () => {
    for (const names of [["apps/web"], ["nm", "apps/web"]]) {
      expect((await suite.nmctl(["update", ...names, "--wait"])).status).toBe(2);
    }
    expect(suite.node.calls).toEqual([]);
  });

  it("is given up when it is interrupted", async () => {
    const interrupted = new AbortController();
    suite.node.lastUpdate = () => {
      interrupted.abort();
      return undefined;
    };
    const { status } = await suite.nmctl(["update", "nm", "--wait"], { interrupted: interrupted.signal });
    expect(status).toBe(130);
  });
});

describe("status nm", () => {
  it.each([
    [State.HEALTHY, /last update: +1\.0\.0 to 2\.0\.0, \S+ ago$/m],
    [State.SWITCHED, /not healthy yet$/m],
    [State.FELL_BACK, /given up, because of 2\.0\.0 it crashed$/m],
  ])("says what became of the last move (%s)", async (state, line) => {
    suite.node.lastUpdate = () => ({ ...MOVE, state, at: new Date(0), why: "it crashed" });
    expect((await suite.nmctl(["status", "nm"])).stdout).toMatch(line);
  });
});

describe("update nm", () => {
  it.each([["--restart"], ["--dry-run"], ["--version", "2.0.0"], ["--deadline", "1s"]])(
    "refuses %s, which has no effect on the manager",
    async (...option) => {
      for (const names of [["nm"], ["nm", "apps/web"]]) {
        expect((await suite.nmctl(["update", ...names, ...option])).status).toBe(2);
      }
      expect(suite.node.calls).toEqual([]);
    },
  );
});
