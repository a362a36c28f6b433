import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { type Workspace, workspace } from "./support.ts";

const PARENT = fileURLToPath(new URL("children/descriptors.ts", import.meta.url));
/** Beyond what Node marks by itself when it starts. */
const FIRST = 30;

/** Runs the parent with two open files as descriptors 30 and 31, and gives what it says. */
async function parent(work: Workspace, ...args: readonly string[]): Promise<number[]> {
  const fd = openSync(join(work.dir, "secret"), "w");
  const stdio: ("ignore" | "pipe" | "inherit" | number)[] = Array(FIRST).fill("ignore");
  stdio.splice(1, 2, "pipe", "inherit");
  const child = spawn(process.execPath, ["--conditions=@nodemanager/source", PARENT, work.dir, ...args], {
    stdio: [...stdio, fd, fd],
  });
  closeSync(fd);
  if (!child.stdout) {
    throw new Error("it has no stdout");
  }
  return JSON.parse(await text(child.stdout));
}

const descriptors = (work: Workspace) =>
  work
    .stdout()
    .trim()
    .split("\n")
    .map(Number)
    .sort((a, b) => a - b);

test.each([
  ["none", [0, 1, 2]],
  ["fd", [0, 1, 2, 4]],
  ["handshake", [0, 1, 2, 3, 4]],
])("a child by %s has only its own descriptors, although its parent was started with others", async (protocol, own) => {
  await using work = await workspace();
  expect(await parent(work, "", protocol)).toEqual(expect.arrayContaining([30, 31]));
  expect(descriptors(work)).toEqual(own);
});

test("what is kept is not closed, and is inherited", async () => {
  await using work = await workspace();
  expect(await parent(work, "31", "none")).not.toContain(31);
  expect(descriptors(work)).toEqual([0, 1, 2, 31]);
});

test("a lifeline is the one descriptor more", async () => {
  await using work = await workspace();
  await parent(work, "", "none", join(work.dir, "lifeline"));
  expect(descriptors(work)).toEqual([0, 1, 2, 5]);
});

test("a child ignores, blocks and catches no signal because its parent does", async () => {
  await using work = await workspace();
  await parent(work);
  expect(work.stderr()).toMatch(/^SigBlk:\t0+\nSigIgn:\t0+\n/);
});
