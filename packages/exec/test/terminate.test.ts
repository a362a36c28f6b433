import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  Containment,
  isAlive,
  makeLifeline,
  ParentHandle,
  readProcessIdentity,
  type Target,
  terminate,
} from "@nodemanager/exec";
import { reasonOf } from "@nodemanager/testing";
import { afterAll, describe, expect, test } from "vitest";
import { processesOf, python, started, type Workspace, workspace } from "./support.ts";

const detected = await Containment.detect({ name: `nm-test-${process.pid}` });
const containments = detected.kind === "cgroup2" ? [detected, Containment.none()] : [detected];

afterAll(async () => {
  await detected[Symbol.asyncDispose]();
});

/** What the manager knows of a process that is not its child. */
function stranger({ identity, cgroup, launchId }: ParentHandle): Target {
  return { identity, cgroup, launchId };
}

async function running(work: Workspace, script: string, containment: Containment): Promise<ParentHandle> {
  const child = await started(work.sh(script), "none", { containment });
  await work.says("running");
  return child;
}

async function took(work: () => Promise<void>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

describe.each(containments)("with containment by $kind", (containment) => {
  test("an orderly end takes as long as it takes, and not longer", async () => {
    await using work = await workspace();
    await using child = await running(
      work,
      "trap 'sleep 0.1; echo ended; exit 0' TERM; echo running; while :; do sleep 0.01; done",
      containment,
    );
    expect(await took(() => terminate(child, { signal: "SIGTERM", graceMs: 60_000 }))).toBeLessThan(10_000);
    expect(await child.exited).toEqual({ kind: "code", code: 0 });
    expect(work.stdout()).toBe("running\nended\n");
  });

  test("another signal can ask for it", async () => {
    await using work = await workspace();
    await using child = await running(
      work,
      "trap 'exit 5' USR2; echo running; while :; do sleep 0.01; done",
      containment,
    );
    await terminate(child, { signal: "SIGUSR2", graceMs: 60_000 });
    expect(await child.exited).toEqual({ kind: "code", code: 5 });
  });

  test("one that ignores the signal is killed at the deadline", async () => {
    await using work = await workspace();
    await using child = await running(work, "trap '' TERM; echo running; while :; do sleep 1; done", containment);
    expect(await took(() => terminate(child, { signal: "SIGTERM", graceMs: 100 }))).toBeGreaterThanOrEqual(100);
    expect(await child.exited).toEqual({ kind: "signal", signal: "SIGKILL" });
  });

  test("without a grace it is killed at once, without a signal before", async () => {
    await using work = await workspace();
    await using child = await running(
      work,
      "trap 'echo asked' TERM; echo running; while :; do sleep 0.01; done",
      containment,
    );
    await terminate(child, { signal: "SIGTERM", graceMs: 0 });
    expect(await child.exited).toEqual({ kind: "signal", signal: "SIGKILL" });
    expect(work.stdout()).toBe("running\n");
  });

  test("one that has stopped itself takes the signal", async () => {
    await using work = await workspace();
    await using child = await running(
      work,
      "trap 'echo asked; exit 0' TERM; echo running; kill -STOP $$; sleep 600",
      containment,
    );
    await terminate(child, { signal: "SIGTERM", graceMs: 60_000 });
    expect(await child.exited).toEqual({ kind: "code", code: 0 });
    expect(work.stdout()).toBe("running\nasked\n");
  });

  test("everything that it started ends too: children, sessions of their own, orphans", async () => {
    await using work = await workspace();
    const script = `
      sleep 600 &
      (sleep 600 & exec sleep 600) &
      setsid sh -c 'trap "" TERM; sleep 600 & wait; sleep 600' &
      (setsid sh -c 'exec >/dev/null; sleep 600' & )
      python3 - <<'END'
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for fd in range(256):
            try: os.close(fd)
            except OSError: pass
        time.sleep(600)
    os._exit(0)
os.wait()
END
      echo running
      trap 'exit 0' TERM
      while :; do sleep 0.01; done`;
    for (const target of ["own", "adopted"]) {
      writeFileSync(join(work.dir, "stdout"), "");
      await using child = await running(work, script, containment);
      const before = processesOf(child.launchId);
      expect(before.length).toBeGreaterThanOrEqual(8);
      await terminate(target === "own" ? child : stranger(child), { signal: "SIGTERM", graceMs: 100 });
      expect(processesOf(child.launchId)).toEqual([]);
    }
  });

  test("one in a process group of its own that has cleared its environment ends too", async () => {
    await using work = await workspace();
    const script = `import os
if os.fork() == 0:
    os.setpgid(0, 0)
    print("running", os.getpid(), flush=True)
    os.execve("/bin/sleep", ["sleep", "600"], {})
os.wait()`;
    await using child = await started(work.command(python(), ["-c", script]), "none", { containment });
    const pid = Number((await work.says(/running \d+\n/)).split(" ")[1]);
    const identity = readProcessIdentity(pid);
    await terminate(stranger(child), { signal: "SIGTERM", graceMs: 0 });
    expect(identity && isAlive(identity)).toBe(false);
  });

  test("what is left of one that ended on its own ends too, in order", async () => {
    await using work = await workspace();
    const worker = "trap 'echo worker ended; exit 0' TERM; echo running; while :; do sleep 0.01; done";
    await using child = await started(work.sh(`setsid sh -c "${worker}" & exit 3`), "none", { containment });
    await child.exited;
    await work.says("running");
    await terminate(child, { signal: "SIGTERM", graceMs: 60_000 });
    expect(work.stdout()).toBe("running\nworker ended\n");
    expect(processesOf(child.launchId)).toEqual([]);
  });

  test("a worker gets the rest of the grace when its leader ends first", async () => {
    await using work = await workspace();
    const worker = "trap 'sleep 0.1; echo worker ended; exit 0' TERM; echo running; while :; do sleep 0.01; done";
    await using child = await running(work, `sh -c "${worker}" & wait`, containment);
    await terminate(child, { signal: "SIGTERM", graceMs: 60_000 });
    expect(work.stdout()).toBe("running\nworker ended\n");
  });

  test("one behind its gate ends", async () => {
    await using work = await workspace();
    const child = await ParentHandle.spawn(work.sh("echo ran"), { protocol: "none", containment });
    await terminate(child, { signal: "SIGTERM", graceMs: 60_000 });
    await child.exited;
    expect(work.stdout()).toBe("");
  });

  test("twice at once, and again afterwards, is the same as once", async () => {
    await using work = await workspace();
    await using child = await running(work, "trap '' TERM; echo running; sleep 600", containment);
    const options = { signal: "SIGTERM", graceMs: 50 } as const;
    await Promise.all([terminate(child, options), terminate(child, options), terminate(stranger(child), options)]);
    await terminate(child, options);
    expect(await child.exited).toEqual({ kind: "signal", signal: "SIGKILL" });
  });

  test("waiting can be cancelled, and taken up again", async () => {
    await using work = await workspace();
    await using child = await running(
      work,
      "trap 'echo asked' TERM; echo running; while :; do sleep 0.01; done",
      containment,
    );
    const abort = new AbortController();
    const first = reasonOf(terminate(child, { signal: "SIGTERM", graceMs: 60_000, abort: abort.signal }));
    await work.says("asked");
    abort.abort();
    expect(await first).toBe("CANCELLED");
    expect(isAlive(child.identity)).toBe(true);
    await terminate(child, { signal: "SIGTERM", graceMs: 0 });
    expect(isAlive(child.identity)).toBe(false);
  });
});

describe.skipIf(detected.kind !== "cgroup2")("a control group", () => {
  test("ends also one that is never the same process for long", async () => {
    await using work = await workspace();
    const script = `import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
end = time.monotonic() + 15
print("running", flush=True)
while time.monotonic() < end:
    if os.fork() > 0:
        os._exit(0)
    os.setsid()`;
    await using child = await started(work.command(python(), ["-c", script]), "none", { containment: detected });
    await work.says("running");
    await child.exited;
    expect(await took(() => terminate(child, { signal: "SIGTERM", graceMs: 50 }))).toBeLessThan(5000);
    expect(existsSync(child.cgroup ?? "")).toBe(false);
    expect(processesOf(child.launchId)).toEqual([]);
  });

  test("has the process before the gate opens, and is removed with it", async () => {
    await using work = await workspace();
    await using child = await ParentHandle.spawn(work.sh("cat /proc/self/cgroup; sleep 600"), {
      protocol: "none",
      containment: detected,
    });
    const dir = child.cgroup ?? "";
    expect(dir).toBe(detected.group(child.launchId));
    expect(existsSync(dir)).toBe(true);
    await child.release();
    expect(await work.says("\n")).toContain(child.launchId);
    await terminate(child, { signal: "SIGTERM", graceMs: 60_000 });
    expect(existsSync(dir)).toBe(false);
  });

  test("of an application that made groups of its own in it is removed", async () => {
    await using work = await workspace();
    await using child = await started(work.sh("echo running; sleep 600 & sleep 600"), "none", {
      containment: detected,
    });
    await work.says("running");
    const own = join(child.cgroup ?? "", "a", "b");
    mkdirSync(own, { recursive: true });
    writeFileSync(join(own, "cgroup.procs"), String(child.identity.pid));
    await terminate(stranger(child), { signal: "SIGTERM", graceMs: 20 });
    expect(existsSync(child.cgroup ?? "")).toBe(false);
    expect(processesOf(child.launchId)).toEqual([]);
  });

  test("that a crash left behind is swept, and what is to be kept is not", async () => {
    await using work = await workspace();
    await using containment = await Containment.detect({ name: `nm-test-sweep-${process.pid}` });
    await using kept = await started(work.sh("exec sleep 600"), "none", { containment });
    await using left = await started(work.sh("setsid sleep 600 & exec sleep 600"), "none", { containment });
    expect(await containment.sweep(new Set([kept.cgroup ?? ""]))).toEqual([left.cgroup]);
    await left.exited;
    expect(processesOf(left.launchId)).toEqual([]);
    expect(existsSync(left.cgroup ?? "")).toBe(false);
    expect(isAlive(kept.identity)).toBe(true);
  });

  test("is never what a damaged record names: nothing is written or removed there", async () => {
    await using work = await workspace();
    const dir = join(work.dir, "launch-not-a-group");
    mkdirSync(join(dir, "below"), { recursive: true });
    await using child = await started(work.sh("exec sleep 600"), "none");
    await terminate({ ...stranger(child), cgroup: dir }, { signal: "SIGTERM", graceMs: 1000 });
    expect(isAlive(child.identity)).toBe(false);
    expect(existsSync(join(dir, "below"))).toBe(true);
    expect(existsSync(join(dir, "cgroup.kill"))).toBe(false);
  });
});

describe.skipIf(detected.kind !== "cgroup2")("a parent that waits in the group of the next launch", () => {
  const ownGroup = () => readFileSync("/proc/self/cgroup", "utf8");
  const groupOf = (child: ParentHandle) =>
    readFileSync(join(child.cgroup ?? "", "cgroup.procs"), "utf8")
      .split("\n")
      .filter(Boolean)
      .map(Number);

  test("has its child born there, and leaves it", async () => {
    await using work = await workspace();
    const home = ownGroup();
    {
      await using containment = await Containment.detect({ name: `nm-test-prepared-${process.pid}` });
      await Promise.all([containment.prepare(), containment.prepare()]);
      const groups = new Set<string>();
      for (let round = 0; round < 3; round++) {
        const prepared = ownGroup().trim().split(":").at(-1) ?? "";
        expect(ownGroup()).not.toBe(home);
        await using child = await started(work.sh("exec sleep 600"), "none", { containment });
        expect(child.cgroup).toMatch(new RegExp(`${prepared}$`));
        groups.add(child.cgroup ?? "");
        await containment.prepare(); // Waits until the parent has moved on.
        expect(groupOf(child)).toEqual([child.identity.pid]);
        await terminate(child, { signal: "SIGTERM", graceMs: 10_000 });
        expect(existsSync(child.cgroup ?? "")).toBe(false);
      }
      expect(groups.size).toBe(3);
      expect(await containment.sweep(new Set())).toEqual([]);
    }
    expect(ownGroup()).toBe(home);
    expect(existsSync(detected.group("x")?.replace(/nm-test-.*/, `nm-test-prepared-${process.pid}`) ?? "")).toBe(false);
  });

  test("is spared by what ends the launch that it has not left yet, and so are others on their way", async () => {
    await using work = await workspace();
    await using containment = await Containment.detect({ name: `nm-test-spared-${process.pid}` });
    await containment.prepare();
    for (let round = 0; round < 5; round++) {
      await using doomed = await ParentHandle.spawn(work.sh("sleep 600 & exec sleep 600"), {
        protocol: "none",
        containment,
      });
      await doomed.release();
      const ending = terminate(doomed, { signal: "SIGTERM", graceMs: round % 2 ? 10 : 0 });
      const others = Array.from({ length: 4 }, () => started(work.sh("exec sleep 600"), "none", { containment }));
      await ending;
      expect(isAlive(doomed.identity)).toBe(false);
      const children = await Promise.all(others);
      expect(new Set([doomed, ...children].map((child) => child.cgroup)).size).toBe(5);
      for (const child of children) {
        expect(isAlive(child.identity)).toBe(true);
        expect(groupOf(child).filter((pid) => pid !== process.pid)).toEqual([child.identity.pid]);
        await child[Symbol.asyncDispose]();
      }
    }
  });

  test("has helpers that are born there too, and spared", async () => {
    await using work = await workspace();
    await using containment = await Containment.detect({ name: `nm-test-helpers-${process.pid}` });
    // A helper lives for a millisecond: without the mark one in eight is hit.
    for (let round = 0; round < 30; round++) {
      await containment.prepare();
      const doomed = await ParentHandle.spawn(work.sh("exec sleep 600"), { protocol: "none", containment });
      const ending = terminate(doomed, { signal: "SIGTERM", graceMs: 0 });
      await Promise.all([ending, makeLifeline(join(work.dir, `lifeline-${round}`))]);
    }
  });

  test("gives the group to the next launch when one fails", async () => {
    await using work = await workspace();
    await using containment = await Containment.detect({ name: `nm-test-failed-${process.pid}` });
    await containment.prepare();
    const before = ownGroup();
    const tooLong = { ...work.sh("true"), args: ["x".repeat(200 * 1024)] };
    expect(await reasonOf(ParentHandle.spawn(tooLong, { protocol: "none", containment }))).toBe("SPAWN_FAILED");
    await containment.prepare();
    expect(ownGroup()).toBe(before);
    await using child = await started(work.sh("exec sleep 600"), "none", { containment });
    expect(child.cgroup).toContain(before.trim().split(":").at(-1));
  });

  test("that was moved by somebody else does not take that for a launch's group", async () => {
    await using work = await workspace();
    await using containment = await Containment.detect({ name: `nm-test-moved-${process.pid}` });
    await using other = await Containment.detect({ name: `nm-test-other-${process.pid}` });
    await containment.prepare();
    await other.prepare();
    await using child = await started(work.sh("exec sleep 600"), "none", { containment });
    expect(groupOf(child).filter((pid) => pid !== process.pid)).toEqual([child.identity.pid]);
    await other[Symbol.asyncDispose]();
  });
});

test.each(["", "a/b", "..", ".hidden", "x".repeat(200)])("a containment cannot be named %j", async (name) => {
  expect(await reasonOf(Containment.detect({ name }))).toBe("INVALID_ARGUMENT");
});
