import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { Containment } from "@nodemanager/exec";
import { afterAll, expect, test } from "vitest";
import { workspace } from "./support.ts";

const PARENT = fileURLToPath(new URL("children/starved.ts", import.meta.url));
const NAME = `nm-test-starved-${process.pid}`;

afterAll(async () => {
  await using containment = await Containment.detect({ name: NAME });
  await containment.sweep(new Set());
});

test("without descriptors a start fails and says why, and a process that cannot be looked at is not taken for dead", async () => {
  await using work = await workspace();
  const run = ["-c", 'ulimit -n 96 && exec "$@"', "sh", process.execPath, "--conditions=@nodemanager/source", PARENT];
  const child = spawn("/bin/sh", [...run, work.dir, NAME], { stdio: ["ignore", "pipe", "inherit"] });
  const { outcomes, ...rest } = JSON.parse(await text(child.stdout));
  expect(rest).toEqual({ exit: "unseen", looks: 3 });
  expect([...new Set(outcomes)]).toEqual(["OUT_OF_DESCRIPTORS", "started"]);
});
