import { NodeError } from "@nodemanager/core";
import { collect, failureOf, reasonOf } from "@nodemanager/testing";
import { expect, test } from "vitest";

const FULL = new NodeError("DISK_FULL", "the disk is full");

function fail(): never {
  throw FULL;
}

test("the failure of a function or a promise is given", async () => {
  expect(await failureOf(fail)).toBe(FULL);
  expect(await reasonOf(Promise.reject(FULL))).toBe("DISK_FULL");
  expect(await reasonOf(async () => await Promise.reject(FULL))).toBe("DISK_FULL");
});

test("a success, and another error than ours, fail the test", async () => {
  await expect(reasonOf(() => 1)).rejects.toThrow("it did not fail");
  await expect(reasonOf(Promise.resolve())).rejects.toThrow("it did not fail");
  await expect(reasonOf(Promise.reject(new TypeError("a bug")))).rejects.toThrow(TypeError);
});

test("an iterable is collected", async () => {
  async function* count() {
    yield 1;
    yield 2;
  }
  expect(await collect(count())).toEqual([1, 2]);
});
