import { describe, expect, it } from "vitest";
import { NAMES, outcome, progress } from "./fixtures/scripted-node.ts";
import { suiteNode } from "./fixtures/suite-node.ts";

const suite = suiteNode();

describe("a command that is to end before it has", () => {
  it("is cancelled on the node when it is interrupted, and ends with status 130", async () => {
    const interrupt = new AbortController();
    const { promise: cancelled, resolve } = Promise.withResolvers<void>();
    suite.node.operation = async function* ({ request }, signal) {
      signal.addEventListener("abort", () => resolve(), { once: true });
      yield progress(String(request.name), "stopping", 0, 0);
      interrupt.abort();
      await cancelled;
    };
    const { status, stderr, stdout } = await suite.nmctl(["stop", NAMES.running], { interrupted: interrupt.signal });
    expect({ status, stdout }).toEqual({ status: 130, stdout: "" });
    expect(stderr).toContain("(CANCELLED)");
    await cancelled;
  });

  it("ends a watch with status 130", async () => {
    const interrupt = new AbortController();
    suite.node.until = async (signal) => {
      interrupt.abort();
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    };
    expect((await suite.nmctl(["watch"], { interrupted: interrupt.signal })).status).toBe(130);
  });

  it("ends with status 5 after --timeout, and the node is told", async () => {
    const { promise: cancelled, resolve } = Promise.withResolvers<void>();
    suite.node.operation = async function* (_, signal) {
      signal.addEventListener("abort", () => resolve(), { once: true });
      await cancelled;
      yield outcome(NAMES.running);
    };
    const { status, stderr } = await suite.nmctl(["stop", NAMES.running, NAMES.suspended, "--timeout", "50ms"]);
    expect(status).toBe(5);
    expect(stderr).toContain("(DEADLINE_EXCEEDED)");
    await cancelled;
  });

  it("says which node cannot be reached", async () => {
    const { status, stderr } = await suite.nmctl(["ls"], { env: { NMCTL_NODE: `unix:${suite.node.dir}/none` } });
    expect(status).toBe(1);
    expect(stderr).toContain(`${suite.node.dir}/none`);
    expect(stderr).toContain("(NODE_UNAVAILABLE)");
  });
});

describe("progress", () => {
  it("is drawn as bars on a terminal, and gone when it is over", async () => {
    let now = 0;
    suite.node.operation = () => [
      progress(NAMES.running, "stopping", 0, 4),
      progress(NAMES.running, "stopping", 1, 4),
      progress(NAMES.running, "stopping", 4, 4),
      outcome(NAMES.running),
    ];
    const { stdout, stderr } = await suite.nmctl(["stop", NAMES.running], {
      stderrColumns: 100,
      now: () => (now += 1000),
    });
    expect(stdout).toBe(`${NAMES.running}\n`);
    expect(stderr).toContain("[                    ]   0 %  0 of 4");
    expect(stderr).toContain("[#####               ]  25 %  1 of 4");
    expect(stderr).toContain("[####################] 100 %  4 of 4");
    expect(stderr.split("\n").every((line) => visible(line).length < 100)).toBe(true);
    // What is drawn last is the removal of what was drawn before.
    expect(stderr.endsWith("\u001b[1A\r\u001b[0J")).toBe(true);
  });

  it("tells bytes, rate and time left", async () => {
    let now = 0;
    suite.node.operation = () => [
      progress("apps/web", "fetching", 0, 100e6, "bytes"),
      progress("apps/web", "fetching", 25e6, 100e6, "bytes"),
      outcome("apps/web"),
    ];
    const { stderr } = await suite.nmctl(["install", "file:/r/web"], { stderrColumns: 120, now: () => (now += 1000) });
    expect(stderr).toMatch(/25 % {2}25\.0 MB of 100\.0 MB, \d+\.\d MB\/s, \d+ s left/);
  });

  it("is a line for each phase anywhere else, and for each quarter of it", async () => {
    suite.node.operation = () => [
      progress(NAMES.running, "stopping", 0, 4),
      progress(NAMES.running, "stopping", 30, 40),
      progress(NAMES.running, "stopping", 31, 40),
      progress(NAMES.running, "killing", 0, 0),
      outcome(NAMES.running),
    ];
    const { stderr } = await suite.nmctl(["stop", NAMES.running]);
    expect(stderr.split("\n").map((line) => line.replace(NAMES.running, "it"))).toEqual([
      "it: stopping",
      "it: stopping, 30 of 40",
      "it: killing",
      "",
    ]);
  });

  it("draws nothing on a dumb terminal", async () => {
    suite.node.operation = () => [progress(NAMES.running, "stopping", 0, 4), outcome(NAMES.running)];
    const { stderr } = await suite.nmctl(["stop", NAMES.running], { stderrColumns: 80, env: { TERM: "dumb" } });
    expect(stderr).not.toContain("\u001b");
  });
});

function visible(line: string): string {
  return line.replaceAll(/\u001b\[\d*[A-Za-z]|\r/g, "");
}
