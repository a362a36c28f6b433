import { isSameProcess } from "@nodemanager/core";
import { expect, test } from "vitest";

const PROCESS = { pid: 42, startTicks: 1000, bootId: "5e9c1f0e-6a43-4a57-a0f7-0f3c7d0a1f11" };

test("a process is itself, and another one with the same pid is not", () => {
  expect(isSameProcess(PROCESS, { ...PROCESS })).toBe(true);
  expect(isSameProcess(PROCESS, { ...PROCESS, pid: 43 })).toBe(false);
  expect(isSameProcess(PROCESS, { ...PROCESS, startTicks: 1001 })).toBe(false);
  expect(isSameProcess(PROCESS, { ...PROCESS, bootId: "another boot" })).toBe(false);
});
