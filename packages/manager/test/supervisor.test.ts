import type { ExitStatus } from "@nodemanager/core";
import { silentLogger } from "@nodemanager/core";
import { selfIdentity } from "@nodemanager/exec";
import { reasonOf } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { type Live, Supervisor } from "../src/supervisor.ts";

/** A process whose end the test decides. */
function process(attempt: string): { live: Live; exit: () => Promise<void>; events: string[] } {
  const exited = Promise.withResolvers<ExitStatus>();
  const events: string[] = [];
  return {
    events,
    live: {
      attempt,
      target: { identity: selfIdentity() },
      exited: exited.promise,
      taken: () => events.push("taken"),
      detach: () => events.push("detached"),
    },
    async exit() {
      exited.resolve({ kind: "code", code: 0 });
      await new Promise(setImmediate);
    },
  };
}

function supervisor(): { ends: string[]; supervisor: Supervisor } {
  const ends: string[] = [];
  return { ends, supervisor: new Supervisor(async (key, { attempt }) => void ends.push(key + attempt), silentLogger) };
}

test("the end of a watched process is told once", async () => {
  const { ends, supervisor: watching } = supervisor();
  const { live, exit } = process("1");
  watching.add("a", live);
  watching.watch("a", "1");
  await exit();
  expect(ends).toEqual(["a1"]);
});

test("an end that somebody has claimed is theirs, and who waited for the process is told", async () => {
  const { ends, supervisor: watching } = supervisor();
  const { live, exit, events } = process("1");
  watching.add("a", live);
  watching.watch("a", "1");
  expect(watching.take("a", "1")).toBe(live);
  await exit();
  expect([ends, events]).toEqual([[], ["taken"]]);
  // Whoever claimed it gets at it until its end is on disk.
  expect(watching.get("a", "1")).toBe(live);
  watching.remove("a", "1");
  expect(watching.get("a", "1")).toBeUndefined();
});

test("another attempt of the same instance is another process", async () => {
  const { ends, supervisor: watching } = supervisor();
  const [first, second] = [process("1"), process("2")];
  watching.add("a", first.live);
  watching.watch("a", "1");
  watching.add("a", second.live);
  watching.remove("a", "1");
  expect(watching.take("a", "1")).toBeUndefined();
  await first.exit();
  expect(ends).toEqual([]);
  expect(watching.get("a", "2")).toBe(second.live);
});

test("what is being settled can be waited for, however it ends", async () => {
  const { supervisor: watching } = supervisor();
  const work = Promise.withResolvers<void>();
  const settling = watching.settle("a", () => work.promise);
  const waited = watching.settled("a");
  const all = watching.settled();
  await watching.settled("b");
  const abort = new AbortController();
  const givenUp = reasonOf(watching.settled("a", abort.signal));
  abort.abort();
  expect(await givenUp).toBe("CANCELLED");
  work.reject(new Error("it failed"));
  await expect(settling).rejects.toThrow("it failed");
  await waited;
  await all;
  await watching.settled("a");
});

test("all are let go together", () => {
  const { supervisor: watching } = supervisor();
  const { live, events } = process("1");
  watching.add("a", live);
  watching.detachAll();
  expect([events, watching.find("a")]).toEqual([["detached"], undefined]);
});
