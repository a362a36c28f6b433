import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { isAlive, readProcessIdentity, selfIdentity, terminate } from "@nodemanager/exec";
import { describe, expect, test, vi } from "vitest";
import { parseProcessStat, readProcessStat } from "../src/process-identity.ts";
import { signalGroup, signalProcess } from "../src/signals.ts";
import { started, workspace } from "./support.ts";

const NS_LAST_PID = "/proc/sys/kernel/ns_last_pid";

test("this process has its own identity", () => {
  const self = selfIdentity();
  expect(self.pid).toBe(process.pid);
  expect(self.bootId).toBe(readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
  expect(self.startTicks).toBeGreaterThan(0);
  expect(isAlive(self)).toBe(true);
});

test.each(["plain", "a b", ") S 1 (", "((", "x) R 0 0"])(
  "a program's name does not disturb the reading: %j",
  (name) => {
    const after = `S 1 77 78 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 0 0`;
    expect(parseProcessStat(9, `9 (${name}) ${after}`, "boot")).toEqual({
      identity: { pid: 9, startTicks: 4242, bootId: "boot" },
      dead: false,
      processGroup: 77,
      session: 78,
    });
  },
);

test("what is no text of it is nothing", () => {
  expect(parseProcessStat(9, "", "boot")).toBeUndefined();
  expect(parseProcessStat(9, "9 (x) S 1", "boot")).toBeUndefined();
});

test.each([0, -1, 1.5, Number.NaN, 2 ** 31, 2 ** 60])("pid %s is nobody", (pid) => {
  expect(readProcessIdentity(pid)).toBeUndefined();
  expect(isAlive({ ...selfIdentity(), pid })).toBe(false);
});

test("the same pid at another time, or in another boot, is somebody else", () => {
  const self = selfIdentity();
  expect(isAlive({ ...self, startTicks: self.startTicks - 1 })).toBe(false);
  expect(isAlive({ ...self, bootId: "00000000-0000-0000-0000-000000000000" })).toBe(false);
});

test("a zombie is dead, although signals can be sent to it", async () => {
  // The parent is stopped: it does not wait for its child.
  const parent = spawn("/bin/sh", ["-c", "sleep 0 & echo $!; kill -STOP $$; wait"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const pid = await new Promise<number>((resolve) =>
    parent.stdout.once("data", (data) => resolve(Number(String(data)))),
  );
  await vi.waitFor(() => expect(readProcessStat(pid)?.dead).toBe(true));
  expect(process.kill(pid, 0)).toBe(true);
  expect(readProcessIdentity(pid)).toBeUndefined();
  parent.kill("SIGKILL");
  await new Promise((resolve) => parent.once("exit", resolve));
});

describe("a stranger that has the pid", () => {
  test("is not signalled: neither it nor its group, by another start time or boot", async () => {
    await using work = await workspace();
    await using stranger = await started(work.sh("sleep 600 & sleep 600 & wait"), "none");
    await stranger.waitForReady({ kind: "none", settleMs: 0, timeoutMs: 10_000 });
    const { identity } = stranger;
    for (const other of [
      { ...identity, startTicks: identity.startTicks - 1 },
      { ...identity, startTicks: 1 },
      { ...identity, bootId: "00000000-0000-0000-0000-000000000000" },
    ]) {
      await terminate({ identity: other }, { signal: "SIGKILL", graceMs: 10 });
      await terminate({ identity: other }, { signal: "SIGKILL", graceMs: 0 });
    }
    expect(signalProcess({ ...identity, startTicks: 1 }, "SIGKILL")).toBe(false);
    expect(signalGroup({ ...identity, startTicks: 1 }, "SIGKILL")).toBe(false);
    expect(isAlive(identity)).toBe(true);
  });

  test.skipIf(!canChoosePid())("is not signalled when the pid was really given again", async () => {
    await using work = await workspace();
    const first = await started(work.sh("exec sleep 600"), "none");
    const { identity } = first;
    await first[Symbol.asyncDispose]();
    // The next process gets the number after this one. Others start processes too: try until it is ours.
    for (let attempt = 0; attempt < 50; attempt++) {
      writeFileSync(NS_LAST_PID, String(identity.pid - 1));
      await using second = await started(work.sh("exec sleep 600"), "none");
      // Start times are told in ticks of 10 ms; forced like this, both can fall into one, which a wrap of the pids cannot.
      if (second.identity.pid !== identity.pid || second.identity.startTicks === identity.startTicks) {
        continue;
      }
      await terminate({ identity, launchId: first.launchId }, { signal: "SIGTERM", graceMs: 10 });
      await terminate({ identity, launchId: first.launchId }, { signal: "SIGTERM", graceMs: 0 });
      expect(isAlive(identity)).toBe(false);
      expect(isAlive(second.identity)).toBe(true);
      return;
    }
    throw new Error("the pid was never given again");
  });
});

function canChoosePid(): boolean {
  try {
    writeFileSync(NS_LAST_PID, readFileSync(NS_LAST_PID));
    return true;
  } catch {
    return false;
  }
}
