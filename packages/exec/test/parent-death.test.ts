import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Containment, makeLifeline, readProcessIdentity, terminate } from "@nodemanager/exec";
import { afterAll, describe, expect, test, vi } from "vitest";
import { processesOf, type Workspace, workspace } from "./support.ts";

const PARENT = fileURLToPath(new URL("children/dies.ts", import.meta.url));
const NAME = `nm-test-death-${process.pid}`;
const containment = await Containment.detect({ name: NAME });

afterAll(async () => {
  await containment.sweep(new Set());
  await containment[Symbol.asyncDispose]();
});

interface Parent {
  readonly process: ChildProcess;
  said(): string;
  readonly ended: Promise<void>;
}

function parent(
  work: Workspace,
  launchId: string,
  protocol: string,
  step: string,
  ...contained: readonly string[]
): Parent {
  const args = ["--conditions=@nodemanager/source", PARENT, work.dir, launchId, protocol, step, ...contained];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.on("data", (data) => {
    said += data;
  });
  return { process: child, said: () => said, ended: new Promise((resolve) => child.once("close", () => resolve())) };
}

/** The directory of a process's control group. */
function groupOf(pid: number): string {
  const path = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))?.[1] ?? "";
  const base = dirname(containment.group("any") ?? "");
  expect(base.endsWith(dirname(path))).toBe(true);
  return join(base, basename(path));
}

async function nothingLeft(launchId: string): Promise<void> {
  await vi.waitFor(() => expect(processesOf(launchId)).toEqual([]), { timeout: 10_000, interval: 5 });
}

describe("a parent that is killed", () => {
  test.each(["none", "fd", "handshake"])(
    "at any step before it opens the gate leaves no process (%s)",
    async (protocol) => {
      for (const step of ["before-spawn", "spawning", "spawned", "turn-later"]) {
        await using work = await workspace();
        await makeLifeline(join(work.dir, "lifeline"));
        const launchId = `death-${protocol}-${step}`;
        const dying = parent(work, launchId, protocol, step, NAME);
        await dying.ended;
        expect(dying.process.signalCode, step).toBe("SIGKILL");
        expect(dying.said()).toBe(step === "spawned" || step === "turn-later" ? "spawned\n" : "");
        await nothingLeft(launchId);
        expect(work.stdout()).toBe("");
      }
    },
  );

  test("while the child waits behind the gate leaves no process, and its group is swept", async () => {
    await using work = await workspace();
    const dying = parent(work, "death-waiting", "none", "waiting", NAME);
    await vi.waitFor(() => expect(processesOf("death-waiting")).toHaveLength(1));
    await vi.waitFor(() => expect(dying.said()).toBe("spawned\n"));
    const group = containment.group("death-waiting");
    expect(group === undefined || existsSync(group)).toBe(true);
    dying.process.kill("SIGKILL");
    await nothingLeft("death-waiting");
    await dying.ended;
    expect(work.stdout()).toBe("");
    await containment.sweep(new Set());
    expect(group === undefined || !existsSync(group)).toBe(true);
  });

  test.skipIf(containment.kind !== "cgroup2")(
    "while it waits in the group of the next launch leaves what the next one finds: the child in its group, or nothing",
    async () => {
      for (const step of ["before-spawn", "spawned", "turn-later", "released"]) {
        await using work = await workspace();
        await makeLifeline(join(work.dir, "lifeline"));
        const launchId = `death-prepared-${step}`;
        const dying = parent(work, launchId, "none", step, NAME, "prepares");
        await dying.ended;
        expect(dying.process.signalCode, step).toBe("SIGKILL");
        if (step !== "released") {
          await nothingLeft(launchId);
          await containment.sweep(new Set());
          continue;
        }
        await work.says("ran");
        const [pid = 0] = processesOf(launchId);
        const group = groupOf(pid);
        expect(await containment.sweep(new Set([group]))).toEqual([]);
        expect(processesOf(launchId)).toEqual([pid]);
        expect(await containment.sweep(new Set())).toEqual([group]);
        await nothingLeft(launchId);
      }
      expect(readdirSync(dirname(containment.group("any") ?? "")).filter((name) => name.startsWith("launch-"))).toEqual(
        [],
      );
    },
  );

  test("after it has opened the gate leaves the child running", async () => {
    await using work = await workspace();
    const dying = parent(work, "death-released", "none", "released");
    await dying.ended;
    expect(await work.says("ran")).toBe("ran\n");
    const [pid = 0] = processesOf("death-released");
    const identity = readProcessIdentity(pid);
    if (!identity) {
      throw new Error("it does not run");
    }
    await terminate({ identity, launchId: "death-released" }, { signal: "SIGKILL", graceMs: 0 });
  });

  test("at any moment leaves a process only if it had begun to open the gate", async () => {
    // From outside and at no known step: from the opening of the log, later in each round, until the gate was opened.
    await using work = await workspace();
    await makeLifeline(join(work.dir, "lifeline"));
    let delayMs = 0.1;
    for (let opened = 0, round = 0; opened < 2; round++, delayMs *= 1.5) {
      const launchId = `death-random-${round}`;
      const dir = join(work.dir, String(round));
      mkdirSync(dir);
      const dying = parent({ ...work, dir }, launchId, round % 2 ? "fd" : "none", "", NAME);
      await vi.waitFor(() => expect(existsSync(join(dir, "stdout"))).toBe(true), { timeout: 10_000, interval: 0 });
      const until = performance.now() + delayMs;
      while (performance.now() < until);
      dying.process.kill("SIGKILL");
      await dying.ended;
      if (dying.said().includes("releasing")) {
        opened++;
        for (const pid of processesOf(launchId)) {
          process.kill(pid, "SIGKILL");
        }
      }
      await nothingLeft(launchId);
    }
  });
});
