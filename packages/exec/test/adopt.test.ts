import { execFileSync } from "node:child_process";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { adopt, isAlive, makeLifeline, readProcessIdentity } from "@nodemanager/exec";
import { FakeClock, reasonOf } from "@nodemanager/testing";
import { describe, expect, test, vi } from "vitest";
import { openDescriptors, started, workspace } from "./support.ts";

describe("a lifeline", () => {
  test("is a FIFO for its owner, and is made once", async () => {
    await using work = await workspace();
    const path = join(work.dir, "-lifeline");
    await makeLifeline(path);
    await Promise.all([makeLifeline(path), makeLifeline(path)]);
    expect(statSync(path).isFIFO()).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("is made by many at once", async () => {
    await using work = await workspace();
    const path = join(work.dir, "lifeline");
    await Promise.all(Array.from({ length: 5 }, () => makeLifeline(path)));
    expect(statSync(path).isFIFO()).toBe(true);
  });

  test("cannot be made where something else is, or where nothing can be", async () => {
    await using work = await workspace();
    writeFileSync(join(work.dir, "file"), "");
    mkdirSync(join(work.dir, "dir"));
    expect(await reasonOf(makeLifeline(join(work.dir, "file")))).toBe("STORE_CORRUPT");
    expect(await reasonOf(makeLifeline(join(work.dir, "dir")))).toBe("STORE_CORRUPT");
    expect(await reasonOf(makeLifeline(join(work.dir, "missing/lifeline")))).toBe("INTERNAL");
  });
});

describe("an adopted process", () => {
  test("is seen to end by its lifeline, without looking at /proc", async () => {
    await using work = await workspace();
    const clock = new FakeClock();
    const lifelinePath = join(work.dir, "lifeline");
    await using child = await started(work.sh("exec sleep 600"), "none", { lifelinePath });
    using watch = new AbortOnDispose();
    const adopted = adopt(child.identity, { lifelinePath, signal: watch.signal, clock });
    // Asleep in the backstop, and the clock does not move.
    await vi.waitFor(() => expect(clock.sleepers).toBe(1));
    process.kill(child.identity.pid, "SIGKILL");
    await vi.waitFor(async () => {
      clock.advance(2); // Short looks only, once the lifeline has ended.
      expect(await Promise.race([adopted.exited, Promise.resolve("running")])).toEqual({ kind: "unseen" });
    });
    expect(clock.monotonicMs()).toBeLessThan(10_000);
  });

  test("is watched without one", async () => {
    await using work = await workspace();
    for (const lifelinePath of [undefined, join(work.dir, "missing"), work.dir]) {
      await using child = await started(work.sh("exec sleep 600"), "none");
      using watch = new AbortOnDispose();
      const adopted = adopt(child.identity, { lifelinePath, signal: watch.signal });
      process.kill(child.identity.pid, "SIGKILL");
      expect(await adopted.exited).toEqual({ kind: "unseen" });
    }
  });

  test("that has closed its lifeline is watched on", async () => {
    await using work = await workspace();
    const lifelinePath = join(work.dir, "lifeline");
    await using child = await started(work.sh("exec 5>&-; echo closed; exec sleep 600"), "none", { lifelinePath });
    await work.says("closed");
    using watch = new AbortOnDispose();
    const clock = new FakeClock();
    const adopted = adopt(child.identity, { lifelinePath, signal: watch.signal, clock });
    await vi.waitFor(() => expect(clock.sleepers).toBe(1));
    expect(await Promise.race([adopted.exited, Promise.resolve("running")])).toBe("running");
    process.kill(child.identity.pid, "SIGKILL");
    await child.exited;
    await vi.waitFor(async () => {
      clock.advance(1000);
      expect(await Promise.race([adopted.exited, Promise.resolve("running")])).toEqual({ kind: "unseen" });
    });
  });

  test("is seen to end although a grandchild holds its lifeline", async () => {
    await using work = await workspace();
    const clock = new FakeClock();
    const lifelinePath = join(work.dir, "lifeline");
    await using child = await started(work.sh("sleep 600 & echo running; exec sleep 600"), "none", { lifelinePath });
    await work.says("running");
    using watch = new AbortOnDispose();
    const adopted = adopt(child.identity, { lifelinePath, signal: watch.signal, clock });
    await vi.waitFor(() => expect(clock.sleepers).toBe(1));
    process.kill(child.identity.pid, "SIGKILL");
    await child.exited;
    clock.advance(10_000);
    expect(await adopted.exited).toEqual({ kind: "unseen" });
  });

  test("that is dead already, or is a stranger by now, has ended", async () => {
    await using work = await workspace();
    const lifelinePath = join(work.dir, "lifeline");
    await using child = await started(work.sh("exec sleep 600"), "none", { lifelinePath });
    using watch = new AbortOnDispose();
    const before = { ...child.identity, startTicks: child.identity.startTicks - 1 };
    expect(await adopt(before, { signal: watch.signal }).exited).toEqual({ kind: "unseen" });
    await child[Symbol.asyncDispose]();
    expect(await adopt(child.identity, { lifelinePath, signal: watch.signal }).exited).toEqual({ kind: "unseen" });
  });

  test("holds nothing open when it is not watched any more", async () => {
    await using work = await workspace();
    const lifelinePath = join(work.dir, "lifeline");
    await using child = await started(work.sh("exec sleep 600"), "none", { lifelinePath });
    const before = openDescriptors();
    const watch = new AbortOnDispose();
    const adopted = adopt(child.identity, { lifelinePath, signal: watch.signal });
    expect(openDescriptors()).toBe(before + 1);
    watch[Symbol.dispose]();
    expect(await reasonOf(adopted.exited)).toBe("CANCELLED");
    await vi.waitFor(() => expect(openDescriptors()).toBe(before));
    expect(isAlive(child.identity)).toBe(true);
  });

  test("outlives the parent that detached it, with its identity", async () => {
    await using work = await workspace();
    const script = new URL("children/detaches.ts", import.meta.url).pathname;
    const lifelinePath = join(work.dir, "lifeline");
    const said = execFileSync(process.execPath, ["--conditions=@nodemanager/source", script, work.dir, lifelinePath], {
      encoding: "utf8",
    });
    const identity = JSON.parse(said);
    expect(readProcessIdentity(identity.pid)).toEqual(identity);
    using watch = new AbortOnDispose();
    const adopted = adopt(identity, { lifelinePath, signal: watch.signal });
    process.kill(identity.pid, "SIGTERM");
    expect(await adopted.exited).toEqual({ kind: "unseen" });
  });
});

class AbortOnDispose implements Disposable {
  readonly #controller = new AbortController();
  get signal(): AbortSignal {
    return this.#controller.signal;
  }
  [Symbol.dispose](): void {
    this.#controller.abort();
  }
}
