import { NodeError } from "@nodemanager/core";
import type { OperationEvent } from "@nodemanager/manager";
import { collect } from "@nodemanager/testing";
import { describe, expect, test } from "vitest";
import { TestNode } from "./support/test-node.ts";

const CALLERS = 20;

/** How twenty calls made at once ended: `done`, or the reason. */
async function twenty(call: (caller: number) => AsyncIterable<OperationEvent>): Promise<string[]> {
  const ends = Array.from({ length: CALLERS }, async (_, caller) => {
    try {
      await collect(call(caller));
      return "done";
    } catch (error) {
      return error instanceof NodeError ? error.reason : String(error);
    }
  });
  return (await Promise.all(ends)).sort();
}

function oneDoneOthers(...reasons: readonly string[]) {
  return (ends: readonly string[]) => {
    expect(ends.filter((end) => end === "done")).toEqual(["done"]);
    expect(ends.filter((end) => end !== "done" && !reasons.includes(end))).toEqual([]);
  };
}

describe("of twenty who do it at once one wins and nineteen get the reason", () => {
  test.concurrent("resume", async () => {
    await using node = await TestNode.open();
    const { instance } = await node.running({ mode: "steady" });
    await collect(node.manager.suspend(instance));
    oneDoneOthers("OPERATION_IN_PROGRESS", "INSTANCE_RUNNING")(await twenty(() => node.manager.resume(instance)));
    expect(await node.state(instance)).toBe("running");
    expect((await node.workspaceFile(instance, "ended")).trim().split("\n")).toEqual(["ended"]);
  });

  test.concurrent("suspend", async () => {
    await using node = await TestNode.open();
    const { instance } = await node.running({ mode: "steady" });
    oneDoneOthers("OPERATION_IN_PROGRESS", "INSTANCE_NOT_RUNNING")(await twenty(() => node.manager.suspend(instance)));
    expect(await node.instance(instance)).toMatchObject({
      state: "suspended",
      lastExit: { exit: { kind: "code", code: 0 } },
    });
  });

  test.concurrent("stop", async () => {
    await using node = await TestNode.open();
    const { instance, installation } = await node.running({ mode: "steady" });
    oneDoneOthers("OPERATION_IN_PROGRESS", "INSTANCE_NOT_FOUND")(await twenty(() => node.manager.stop(instance)));
    expect(await node.names(`${installation}/*`)).toEqual([]);
  });

  test.concurrent("uninstall", async () => {
    await using node = await TestNode.open();
    const { installation } = await node.running({ mode: "steady" });
    oneDoneOthers(
      "INSTALLATION_UNINSTALLED",
      "INSTALLATION_NOT_FOUND",
    )(await twenty(() => node.manager.uninstall(installation)));
    expect(await node.names("**")).toEqual([]);
  });

  test.concurrent("resume, suspend and stop together, against a process that ends by itself", async () => {
    await using node = await TestNode.open();
    const installation = await node.install({ mode: "steady" });
    for (let round = 0; round < 5; round++) {
      const instance = await node.start(installation);
      process.kill(await node.pid(instance), "SIGUSR1");
      const verbs = ["suspend", "stop", "resume"] as const;
      await twenty((caller) => node.manager[verbs[caller % 3] ?? "stop"](instance));
      // Somebody's stop came through, at the latest the one after everybody else.
      const left = await node.names(`${installation}/*`);
      await Promise.all(left.map((name) => collect(node.manager.stop(name))));
      expect(await node.names(`${installation}/*`)).toEqual([]);
    }
  });
});

describe("twenty with one request id have one effect and one answer", () => {
  test.concurrent.each(["start", "suspend", "resume", "restart", "stop", "uninstall"] as const)("%s", async (verb) => {
    await using node = await TestNode.open();
    const { installation, instance, pid } = await node.running({ mode: "steady" });
    if (verb === "resume") {
      await collect(node.manager.suspend(instance));
    }
    const name = verb === "start" || verb === "uninstall" ? installation : instance;
    const answers = new Set<string>();
    const ends = await twenty(async function* () {
      for await (const event of node.manager[verb](name, { requestId: "once" })) {
        if (event.kind === "outcome") {
          answers.add(event.object);
        }
        yield event;
      }
    });
    expect(ends).toEqual(Array.from({ length: CALLERS }, () => "done"));
    expect(answers.size).toBe(1);
    const left = await node.names(`${installation}/*`);
    expect(left).toHaveLength({ start: 2, suspend: 1, resume: 1, restart: 1, stop: 0, uninstall: 0 }[verb]);
    if (verb === "restart") {
      // Once, and not twenty times.
      expect((await node.workspaceFile(instance, "ended")).trim().split("\n")).toEqual(["ended"]);
      expect(await node.pid(instance)).not.toBe(pid);
    }
  });
});
