import { type Clock, systemClock } from "@nodemanager/core";
import type { InstallationStatus, OperationEvent } from "@nodemanager/manager";
import { collect, FakeClock, failureOf, reasonOf } from "@nodemanager/testing";
import { describe, expect, test } from "vitest";
import { type Publication, publication } from "../support/applications.ts";
import { isRunning, TestNode } from "../support/test-node.ts";

/** Long enough that no test lives to see it end by itself. */
const SOAK_MS = 600_000;

async function updated(
  node: TestNode,
  title: string,
  next: Publication,
): Promise<{ installation: string; instance: string; pid: number }> {
  const found = await node.running({ title, mode: "steady" });
  await publication({ title, version: "2.0.0", ...next });
  await collect(node.manager.update(found.installation));
  return found;
}

/** A clock for the soak time alone: what is killed and probed for needs its real time. */
function soakClock(): { readonly time: FakeClock; readonly clock: Clock } {
  const time = new FakeClock();
  const sleep: Clock["sleep"] = (ms, signal) => (ms === SOAK_MS ? time : systemClock).sleep(ms, signal);
  return { time, clock: { ...systemClock, sleep } };
}

/** An update with restart, up to where the new version is ready and has to hold. */
class Soaking {
  readonly ended: Promise<OperationEvent[]>;
  readonly #soaks = Promise.withResolvers<void>();
  readonly #soaksAgain = Promise.withResolvers<void>();

  static async begin(node: TestNode, name: string, signal?: AbortSignal): Promise<Soaking> {
    const soaking = new Soaking(node.manager.update(name, { restart: true, signal }));
    await Promise.race([soaking.#soaks.promise, soaking.ended]);
    return soaking;
  }

  private constructor(events: AsyncIterable<OperationEvent>) {
    this.ended = this.#follow(events);
    this.ended.catch(() => {});
  }

  /** Waits until the next instance has to hold. */
  async next(): Promise<void> {
    await Promise.race([this.#soaksAgain.promise, this.ended]);
  }

  async #follow(events: AsyncIterable<OperationEvent>): Promise<OperationEvent[]> {
    const seen: OperationEvent[] = [];
    const soaks = [this.#soaks, this.#soaksAgain];
    for await (const event of events) {
      seen.push(event);
      if (event.kind === "progress" && event.phase === "soaking") {
        soaks.shift()?.resolve();
      }
    }
    return seen;
  }
}

async function onOld(node: TestNode, instance: string): Promise<void> {
  expect(await node.instance(instance)).toMatchObject({ state: "running", version: "1.0.0", suspension: undefined });
}

describe("a running instance that is updated", () => {
  test.concurrent("is on the new version once it has held for the soak time, in its workspace", async () => {
    const { time, clock } = soakClock();
    await using node = await TestNode.open({ clock });
    const { instance, pid } = await updated(node, "holds", { mode: "steady", soakMs: SOAK_MS });
    const soaking = await Soaking.begin(node, instance);
    expect(isRunning(pid)).toBe(false);
    expect(await reasonOf(collect(node.manager.update(instance, { restart: true })))).toBe("OPERATION_IN_PROGRESS");
    time.advance(SOAK_MS - 1);
    expect(time.sleepers).toBe(1);
    time.advance(1);
    const end = (await soaking.ended).at(-1);
    expect(end).toMatchObject({ kind: "outcome", changes: expect.arrayContaining([]) });
    expect(await node.instance(instance)).toMatchObject({ state: "running", version: "2.0.0" });
    expect(await node.workspaceFile(instance, "ended")).toBe("ended\n");
    // From now on its end is its own.
    process.kill(await node.pid(instance), "SIGUSR1");
    expect(await node.until(instance, "suspended")).toMatchObject({ suspension: { by: "exit" }, version: "2.0.0" });
  });

  test.concurrent("that dies within the soak time goes back, and the answer says what happened to it", async () => {
    await using node = await TestNode.open();
    const { instance } = await updated(node, "dies", { mode: "steady", soakMs: SOAK_MS });
    const soaking = await Soaking.begin(node, instance);
    process.kill(await node.pid(instance), "SIGUSR1");
    const failure = await failureOf(soaking.ended);
    expect(failure.reason).toBe("UPDATE_FAILED");
    expect(failure.metadata).toMatchObject({
      instance,
      from: "1.0.0",
      to: "2.0.0",
      reason: "CHILD_EXITED",
      lastLines: expect.stringContaining("last words"),
    });
    await onOld(node, instance);
    process.kill(await node.pid(instance), "SIGUSR1");
    expect(await node.until(instance, "suspended")).toMatchObject({ suspension: { by: "exit" }, version: "1.0.0" });
  });

  test.concurrent("that does not become ready goes back", async () => {
    await using node = await TestNode.open();
    const { instance } = await updated(node, "unready", { mode: "failing" });
    const failure = await failureOf(collect(node.manager.update(instance, { restart: true })));
    expect(failure.reason).toBe("UPDATE_FAILED");
    expect(failure.metadata).toMatchObject({ reason: "CHILD_EXITED", lastLines: "cannot do it" });
    await onOld(node, instance);
    await node.shutdown();
    await node.reopen();
    await onOld(node, instance);
  });

  test.concurrent("whose caller goes away meanwhile goes back", async () => {
    await using node = await TestNode.open();
    const { instance } = await updated(node, "left", { mode: "steady", soakMs: SOAK_MS });
    const cancel = new AbortController();
    const soaking = await Soaking.begin(node, instance, cancel.signal);
    cancel.abort();
    expect(await reasonOf(soaking.ended)).toBe("CANCELLED");
    await onOld(node, instance);
  });

  test.concurrent("and suspended by an operator meanwhile stays suspended, on the old version", async () => {
    await using node = await TestNode.open();
    const { instance } = await updated(node, "overtaken", { mode: "steady", soakMs: SOAK_MS });
    const soaking = await Soaking.begin(node, instance);
    await collect(node.manager.suspend(instance));
    expect(await reasonOf(soaking.ended)).toBe("OPERATION_IN_PROGRESS");
    expect(await node.instance(instance)).toMatchObject({
      state: "suspended",
      version: "1.0.0",
      suspension: { by: "operator" },
    });
  });

  test.concurrent("and stopped meanwhile is stopped", async () => {
    await using node = await TestNode.open();
    const { installation, instance } = await updated(node, "stopped", { mode: "steady", soakMs: SOAK_MS });
    const soaking = await Soaking.begin(node, instance);
    await collect(node.manager.stop(instance));
    expect(await reasonOf(soaking.ended)).toBe("OPERATION_IN_PROGRESS");
    expect(await node.names(`${installation}/*`)).toEqual([]);
  });

  test.concurrent("goes back to run when its manager ends while it soaks", async () => {
    await using node = await TestNode.open();
    const { instance } = await updated(node, "ended", { mode: "steady", soakMs: SOAK_MS });
    await Soaking.begin(node, instance);
    await node.shutdown();
    await node.reopen();
    await onOld(node, instance);
  });

  test.concurrent("goes back to run when its manager dies while it soaks", async () => {
    await using node = await TestNode.open();
    const { instance } = await updated(node, "crashed", { mode: "steady", soakMs: SOAK_MS });
    await Soaking.begin(node, instance);
    await node.crash();
    await node.reopen();
    await onOld(node, instance);
  });

  test.concurrent("goes back to run when it dies together with its manager, whatever the policy", async () => {
    await using node = await TestNode.open({ policy: "leave" });
    const { instance } = await updated(node, "both", { mode: "steady", soakMs: SOAK_MS });
    await Soaking.begin(node, instance);
    const pid = await node.pid(instance);
    await node.crash();
    process.kill(pid, "SIGKILL");
    await node.reopen();
    await onOld(node, instance);
  });

  test.concurrent("goes back to run when its manager dies before it was ready", async () => {
    await using node = await TestNode.open();
    const { instance } = await updated(node, "starting", { mode: "gated" });
    void collect(node.manager.update(instance, { restart: true })).catch(() => {});
    await node.until(instance, (object) => object.kind === "instance" && object.version === "2.0.0");
    await node.until(instance, "starting");
    await node.crash();
    await node.reopen();
    await onOld(node, instance);
  });

  test.concurrent("stays on the new version when it came through the end of its manager", async () => {
    await using node = await TestNode.open({ policy: "leave" });
    const { instance } = await updated(node, "through", { mode: "steady", soakMs: SOAK_MS });
    await Soaking.begin(node, instance);
    const pid = await node.pid(instance);
    await node.crash();
    await node.reopen();
    expect(await node.instance(instance)).toMatchObject({ state: "running", version: "2.0.0", pid });
    await node.shutdown();
    await node.reopen({ policy: "suspend" });
    // It is proven: not even now does it go back.
    expect(await node.instance(instance)).toMatchObject({ state: "running", version: "2.0.0" });
  });
});

describe("an installation that is updated with what runs of it", () => {
  async function two(node: TestNode, title: string, next: Publication) {
    const { installation, instance } = await node.running({ title, mode: "steady" });
    const second = await node.start(installation);
    await publication({ title, version: "2.0.0", ...next });
    return { installation, instances: [instance, second] as const };
  }

  test.concurrent("goes back as a whole when one of them does not hold, and says which", async () => {
    await using node = await TestNode.open();
    const { installation, instances } = await two(node, "one bad", { mode: "picky" });
    const [last = ""] = (await node.names(`${installation}/*`)).slice(-1);
    await node.writeToWorkspace(last, "bad");
    const failure = await failureOf(collect(node.manager.update(installation, { restart: true })));
    expect(failure.reason).toBe("UPDATE_FAILED");
    expect(failure.metadata).toMatchObject({ instance: last, from: "1.0.0", to: "2.0.0" });
    expect(await node.installation(installation)).toMatchObject({
      version: "1.0.0",
    } satisfies Partial<InstallationStatus>);
    for (const instance of instances) {
      await onOld(node, instance);
    }
  });

  test.concurrent("leaves one alone that is stopped before its turn", async () => {
    const { time, clock } = soakClock();
    await using node = await TestNode.open({ clock });
    const { installation } = await two(node, "before", { mode: "steady", soakMs: SOAK_MS });
    const [first = "", second = ""] = await node.names(`${installation}/*`);
    const soaking = await Soaking.begin(node, installation);
    await collect(node.manager.stop(second));
    time.advance(SOAK_MS);
    expect((await soaking.ended).at(-1)).toMatchObject({ kind: "outcome" });
    expect(await node.installation(installation)).toMatchObject({ version: "2.0.0" });
    expect(await node.instance(first)).toMatchObject({ state: "running", version: "2.0.0" });
    expect(await node.names(`${installation}/*`)).toEqual([first]);
  });

  test.concurrent("does not go back because one is stopped that was moved", async () => {
    const { time, clock } = soakClock();
    await using node = await TestNode.open({ clock });
    const { installation } = await two(node, "after", { mode: "steady", soakMs: SOAK_MS });
    const [first = "", second = ""] = await node.names(`${installation}/*`);
    const soaking = await Soaking.begin(node, installation);
    time.advance(SOAK_MS);
    await soaking.next();
    await collect(node.manager.stop(first));
    time.advance(SOAK_MS);
    expect((await soaking.ended).at(-1)).toMatchObject({ kind: "outcome" });
    expect(await node.installation(installation)).toMatchObject({ version: "2.0.0" });
    expect(await node.instance(second)).toMatchObject({ state: "running", version: "2.0.0" });
    expect(await node.names(`${installation}/*`)).toEqual([second]);
  });

  test.concurrent("can be moved later, when only they are behind", async () => {
    await using node = await TestNode.open();
    const { installation, instances } = await two(node, "behind", { mode: "steady" });
    await collect(node.manager.update(installation));
    await collect(node.manager.update(installation, { restart: true }));
    for (const instance of instances) {
      expect(await node.instance(instance)).toMatchObject({ state: "running", version: "2.0.0" });
    }
    expect(await reasonOf(collect(node.manager.update(installation, { restart: true })))).toBe("UPDATE_NOT_AVAILABLE");
    await collect(node.manager.revert(installation, { restart: true }));
    for (const instance of instances) {
      await onOld(node, instance);
    }
  });
});
