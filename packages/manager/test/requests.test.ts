import { NodeError } from "@nodemanager/core";
import { collect, reasonOf } from "@nodemanager/testing";
import { expect, test } from "vitest";
import type { OperationEvent } from "../src/operation.ts";
import { Requests } from "../src/requests.ts";

const start = { verb: "start", name: "a" };

function operation(): { run: () => AsyncGenerator<OperationEvent>; runs: () => number } {
  let runs = 0;
  return {
    runs: () => runs,
    run: async function* () {
      runs++;
      yield { kind: "progress", name: "a", phase: "working", done: 0, goal: 0, unit: "" };
      await new Promise(setImmediate);
      yield { kind: "outcome", name: "a", object: `a/${runs}`, note: "" };
    },
  };
}

test("without an id a call is made each time", async () => {
  const requests = new Requests();
  const { run, runs } = operation();
  await collect(requests.once(undefined, start, undefined, run));
  await collect(requests.once(undefined, start, undefined, run));
  expect(runs()).toBe(2);
});

test("twenty calls at once with one id have one effect and one answer", async () => {
  const requests = new Requests();
  const { run, runs } = operation();
  const answers = await Promise.all(
    Array.from({ length: 20 }, () =>
      collect(requests.once("id", start, undefined, run)).then((events) => events.at(-1)),
    ),
  );
  expect(runs()).toBe(1);
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
});

test("a call that failed is made again", async () => {
  const requests = new Requests();
  let runs = 0;
  const run = async function* (): AsyncGenerator<OperationEvent> {
    runs++;
    if (runs === 1) {
      throw new NodeError("DISK_FULL", "full");
    }
    yield { kind: "outcome", name: "a", object: "a", note: "" };
  };
  expect(await reasonOf(collect(requests.once("id", start, undefined, run)))).toBe("DISK_FULL");
  expect(await collect(requests.once("id", start, undefined, run))).toHaveLength(1);
});

test("an id is good for several objects, each with an effect of its own", async () => {
  const requests = new Requests();
  const { run, runs } = operation();
  for (const name of ["a", "b", "a", "b"]) {
    await collect(requests.once("id", { verb: "start", name }, undefined, run));
  }
  expect(runs()).toBe(2);
});

test("a call that waits for the first one can be given up", async () => {
  const requests = new Requests();
  const release = Promise.withResolvers<void>();
  const run = async function* (): AsyncGenerator<OperationEvent> {
    await release.promise;
    yield { kind: "outcome", name: "a", object: "a", note: "" };
  };
  const first = collect(requests.once("id", start, undefined, run));
  const abort = new AbortController();
  const second = reasonOf(collect(requests.once("id", start, abort.signal, run)));
  abort.abort();
  expect(await second).toBe("CANCELLED");
  release.resolve();
  expect(await first).toHaveLength(1);
});

test("an id is good for one operation", async () => {
  const requests = new Requests();
  const { run } = operation();
  await collect(requests.once("id", start, undefined, run));
  expect(await reasonOf(collect(requests.once("id", { verb: "stop", name: "a" }, undefined, run)))).toBe(
    "INVALID_ARGUMENT",
  );
});

test("a caller that goes away leaves the id free", async () => {
  const requests = new Requests();
  const { run, runs } = operation();
  for await (const _ of requests.once("id", start, undefined, run)) {
    break;
  }
  await collect(requests.once("id", start, undefined, run));
  expect(runs()).toBe(2);
});
