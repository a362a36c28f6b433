import { join } from "node:path";
import { AppCycleServiceDefinition } from "@nodemanager/proto/v1";
import { appCycleClient, callbackListener } from "@nodemanager/rpc/server";
import { collect, reasonOf, tempDir } from "@nodemanager/testing";
import { parseAddress } from "@nodemanager/transport";
import { connect } from "@nodemanager/transport/client";
import { describe, expect, test } from "vitest";
import { Child } from "./child.ts";

const NAME = "apps/shop/aaaaaaaaaaaaaaaaaaaaaaaaaa/bbbbbbbbbbbbbbbbbbbbbbbbbb";
const never = new AbortController().signal;

/** Starts the fixture as readiness `appcycle` does. */
async function start(behaviour: string): Promise<AsyncDisposable & { child: Child; address: string }> {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await tempDir());
  const callback = stack.use(
    await callbackListener.listen({
      socketPath: join(dir.path, "callback"),
      callbackId: "an id",
      keys: ["APP_CYCLE_ADDRESS"],
    }),
  );
  const child = stack.use(
    new Child(behaviour, {
      CALLBACK_ADDRESS: callback.address,
      CALLBACK_ID: "an id",
      APP_CYCLE_SOCKET: join(dir.path, "app"),
      INSTANCE_NAME: NAME,
    }),
  );
  const address = await callback.value("APP_CYCLE_ADDRESS");
  const owned = stack.move();
  return { child, address, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

describe("a managed application", () => {
  test("begins after the go-ahead, names its app cycle service, then says that it is ready", async () => {
    await using app = await start("progress");
    expect(app.address).toMatch(/^unix:.*\/app$/);
    expect(await app.child.status).toBe("ready\n");
    await app.child.says(`managed true ${NAME}`);
    expect(app.child.lines[0]).toBe("started");
  });

  test("streams the progress of its orderly stop, ends the stream, and exits with status 0", async () => {
    await using app = await start("progress");
    const tasks = [];
    for await (const task of appCycleClient.stop(app.address, never)) {
      tasks.push(task);
      if (task.progress === 2) {
        app.child.goOn();
      }
    }
    expect(tasks).toEqual([
      { progress: 0, goal: 10 },
      { progress: 2, goal: 10 },
      { progress: 7, goal: 10 },
    ]);
    expect(await app.child.exited).toEqual([0, null]);
    expect(app.child.lines).toContain("stopping signal");
  });

  test("stops once for several stops, and each of them sees the progress to its end", async () => {
    await using app = await start("progress");
    const first = collect(appCycleClient.stop(app.address, never));
    await app.child.says("stopping");
    const second = [];
    for await (const task of appCycleClient.stop(app.address, never)) {
      second.push(task);
      app.child.goOn();
    }
    expect(second).toEqual([
      { progress: 2, goal: 10 },
      { progress: 7, goal: 10 },
    ]);
    expect((await first).at(-1)).toEqual({ progress: 7, goal: 10 });
    expect(await app.child.exited).toEqual([0, null]);
    expect(app.child.lines.filter((line) => line === "stopping")).toHaveLength(1);
  });

  test("takes a SIGTERM during its stop for the same wish", async () => {
    await using app = await start("progress");
    const stopped = collect(appCycleClient.stop(app.address, never));
    await app.child.says("stopping");
    app.child.process.kill("SIGTERM");
    app.child.goOn();
    expect((await stopped).at(-1)).toEqual({ progress: 7, goal: 10 });
    expect(await app.child.exited).toEqual([0, null]);
  });

  test("goes on with its stop when the one who asked goes away", async () => {
    await using app = await start("progress");
    for await (const _ of appCycleClient.stop(app.address, never)) {
      break;
    }
    app.child.goOn();
    expect(await app.child.exited).toEqual([0, null]);
  });

  test("stops when it asks itself to", async () => {
    await using app = await start("local-stop");
    await app.child.says("stopping");
    app.child.goOn();
    expect(await app.child.exited).toEqual([0, null]);
  });

  test("says so and exits with status 1 when its stop fails", async () => {
    await using app = await start("bad-stop");
    expect(await reasonOf(collect(appCycleClient.stop(app.address, never)))).toBe("CHILD_PROTOCOL_ERROR");
    expect(await app.child.exited).toEqual([1, null]);
    expect(await app.child.errors).toContain("the disk is gone");
  });

  test("exits at once with status 1 when it is forced to, and never answers", async () => {
    await using app = await start("hang");
    const stopped = reasonOf(collect(appCycleClient.stop(app.address, never)));
    await app.child.says("stopping");
    using connection = connect(parseAddress(app.address));
    const forced = connection.client(AppCycleServiceDefinition).forceStop({});
    expect(await reasonOf(forced)).toBe("NODE_UNAVAILABLE");
    expect(await app.child.exited).toEqual([1, null]);
    expect(await stopped).toBe("CHILD_PROTOCOL_ERROR");
  });

  test("is waited for no longer than the one who asked wants to", async () => {
    await using app = await start("hang");
    const controller = new AbortController();
    const stopped = async () => {
      for await (const _ of appCycleClient.stop(app.address, controller.signal)) {
        controller.abort();
      }
    };
    expect(await reasonOf(stopped())).toBe("CANCELLED");
  });
});

describe("an application without app cycle", () => {
  test("stops in order at SIGTERM and exits with status 0", async () => {
    await using child = new Child("progress", { INSTANCE_NAME: NAME });
    expect(await child.status).toBe("ready\n");
    child.process.kill("SIGTERM");
    await child.says("stopping");
    child.goOn();
    expect(await child.exited).toEqual([0, null]);
  });

  test("exits at once with status 1 when it is signalled again a while later", async () => {
    await using child = new Child("hang", { INSTANCE_NAME: NAME });
    expect(await child.status).toBe("ready\n");
    const again = setInterval(() => child.process.kill("SIGINT"), 50);
    try {
      expect(await child.exited).toEqual([1, null]);
    } finally {
      clearInterval(again);
    }
    expect(child.lines).toContain("stopping");
  });

  test("reports why it cannot start", async () => {
    await using child = new Child("bad-start", { INSTANCE_NAME: NAME });
    expect(await child.status).toBe("failed no licence\n");
    expect(await child.exited).toEqual([1, null]);
  });

  test("begins nothing when the manager ends before the go-ahead", async () => {
    await using child = new Child("progress", "gone");
    expect(await child.exited).toEqual([1, null]);
    expect(child.lines).toEqual([]);
    expect(await child.status).toBe("");
  });

  test("works on its own, without a manager", async () => {
    await using child = new Child("progress", undefined);
    await child.says("managed false undefined");
    child.process.kill("SIGTERM");
    await child.says("stopping");
    child.goOn();
    expect(await child.exited).toEqual([0, null]);
  });
});
