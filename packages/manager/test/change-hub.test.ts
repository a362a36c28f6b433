import { collect } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { ChangeHub } from "../src/change-hub.ts";

test("an object that changes often waits once, in the place of its first change", async () => {
  const hub = new ChangeHub();
  const changes = hub.subscribe();
  for (const name of ["a", "b", "a", "a", "c", "b"]) {
    hub.publish(name);
  }
  hub.close();
  expect(await collect(changes)).toEqual(["a", "b", "c"]);
});

test("each watcher gets what is published from then on, until it leaves", async () => {
  const hub = new ChangeHub();
  const left = new AbortController();
  hub.publish("before");
  const [leaving, staying] = [hub.subscribe(left.signal), hub.subscribe()];
  hub.publish("a");
  left.abort();
  hub.publish("b");
  hub.close();
  expect([await collect(leaving), await collect(staying)]).toEqual([["a"], ["a", "b"]]);
});

test("whoever comes too late, or has left already, gets nothing and does not wait", async () => {
  const hub = new ChangeHub();
  expect(await collect(hub.subscribe(AbortSignal.abort()))).toEqual([]);
  hub.close();
  expect(await collect(hub.subscribe())).toEqual([]);
});
