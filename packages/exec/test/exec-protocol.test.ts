import { createHash, randomBytes } from "node:crypto";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isAlive, ParentHandle, STATUS_MAX_BYTES } from "@nodemanager/exec";
import { FakeClock, failureOf, reasonOf } from "@nodemanager/testing";
import { describe, expect, test, vi } from "vitest";
import { openDescriptors, processesOf, started, workspace } from "./support.ts";

// E1 to E20 of the original system's tests, in our terms.

/** Keeps the event loop from running. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

const handshake = { kind: "handshake", timeoutMs: 15_000 } as const;

describe("the exec protocol", () => {
  test("E1, E2: the configuration and the secret reach the child byte for byte", async () => {
    await using work = await workspace();
    const values = { INSTANCE_NAME: "apps/wéb", empty: "", long: "x".repeat(300_000) };
    const secret = randomBytes(100_000).toString("base64");
    await using child = await started(work.child("speaks.py", "ready\\n", "stay"), "handshake", { values, secret });
    await child.waitForReady(handshake);
    expect(JSON.parse(await work.says("\n"))).toEqual({
      version: "1",
      raw: Buffer.from(JSON.stringify(values)).toString("hex"),
      secret: createHash("sha256").update(secret).digest("hex"),
    });
  });

  test("E1, E2, E20: a child in TypeScript gets them, once, and its version variable is cleared", async () => {
    await using work = await workspace();
    const values = { INSTANCE_NAME: "apps/web", CALLBACK_ID: "c" };
    const command = work.child("speaks.ts", "config", "same", "ready", "closed", "ready", "stay");
    await using child = await started(command, "handshake", { values, secret: "s3cret" });
    await child.waitForReady(handshake);
    const said = (await work.says(/done\W+true\W+done/))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(said).toEqual([{ config: values, secret: "s3cret", version: "1", now: null }, true, "done", true, "done"]);
  });

  test("E3: a child without the version variable says that it is not a child", async () => {
    await using work = await workspace();
    await using child = await started(work.child("speaks.ts", "ready"), "none");
    expect(await child.exited).toEqual({ kind: "code", code: 7 });
    expect(JSON.parse(work.stdout())).toBe("NOT_A_CHILD");
  });

  test("E3: a child refuses another version", async () => {
    await using work = await workspace();
    const inner = work.child("speaks.ts", "ready");
    const outer = work.command("/bin/sh", ["-c", 'NODED_EXEC_VERSION=2 exec "$@"', "sh", inner.file, ...inner.args]);
    await using child = await started(outer, "handshake");
    expect((await failureOf(child.waitForReady(handshake))).metadata).toMatchObject({ code: "7" });
    expect(JSON.parse(work.stdout())).toBe("UNSUPPORTED_VERSION");
  });

  test("E4: ten children at once become ready", async () => {
    const works = await Promise.all(Array.from({ length: 10 }, workspace));
    const children = await Promise.all(
      works.map((work) => started(work.child("speaks.py", "ready\\n", "stay"), "handshake")),
    );
    await Promise.all(children.map((child) => child.waitForReady(handshake)));
    expect(children.every((child) => isAlive(child.identity))).toBe(true);
    for (const owned of [...children, ...works]) {
      await owned[Symbol.asyncDispose]();
    }
  });

  test("E5, E11: ten slow children become ready in time, and what the clock does later does not matter", async () => {
    const clock = new FakeClock();
    const works = await Promise.all(Array.from({ length: 10 }, workspace));
    const script = 'trap "echo ready >&4; exec 4>&-" USR1; echo waiting; while :; do sleep 0.01; done';
    const children = await Promise.all(works.map((work) => started(work.sh(script), "handshake")));
    const waits = children.map((child) => child.waitForReady({ kind: "handshake", timeoutMs: 1000 }, { clock }));
    await Promise.all(works.map((work) => work.says("waiting")));
    clock.advance(999);
    for (const child of children) {
      process.kill(child.identity.pid, "SIGUSR1");
    }
    await Promise.all(waits);
    clock.advance(10_000);
    expect(children.every((child) => isAlive(child.identity))).toBe(true);
    for (const owned of [...children, ...works]) {
      await owned[Symbol.asyncDispose]();
    }
  });

  test("E7: the text of a failure reaches the parent, and the child cannot be ready after it", async () => {
    await using work = await workspace();
    await using child = await started(work.child("speaks.ts", "no licence", "no licence", "ready"), "handshake");
    const failure = await failureOf(child.waitForReady(handshake));
    expect(failure.reason).toBe("CHILD_REPORTED_FAILURE");
    expect(failure.metadata.text).toBe("no licence");
    expect(await child.exited).toEqual({ kind: "code", code: 0 });
    expect(work.stdout().trim().split("\n")).toEqual(['"done"', '"done"', '"STATUS_ALREADY_SENT"']);
  });

  test("E7: a failure is reported although the child exits right after it", async () => {
    await using work = await workspace();
    for (let round = 0; round < 20; round++) {
      await using child = await started(work.sh("echo failed round $0 >&4; exit 1"), "handshake");
      expect(await reasonOf(child.waitForReady(handshake))).toBe("CHILD_REPORTED_FAILURE");
    }
  });

  test("a child that is dead by the time it is found to be ready has exited", async () => {
    await using work = await workspace();
    await using child = await started(work.sh("echo ready >&4; exit 4"), "handshake");
    const wait = failureOf(child.waitForReady(handshake));
    // Nothing is seen of it until it is dead.
    block(500);
    const failure = await wait;
    expect([failure.reason, failure.metadata.code]).toEqual(["CHILD_EXITED", "4"]);
  });

  test("E8: what is not UTF-8 in a failure is replaced", async () => {
    await using work = await workspace();
    await using child = await started(work.child("speaks.py", "failed a\\xff\\xfeb\\n"), "handshake");
    expect((await failureOf(child.waitForReady(handshake))).metadata.text).toBe("a\ufffd\ufffdb");
  });

  test("E9: a child that never says anything is not ready in time, and what it wrote can be read", async () => {
    await using work = await workspace();
    await using child = await started(work.sh("echo still loading >&2; sleep 600"), "handshake");
    await vi.waitFor(() => expect(work.stderr()).not.toBe(""));
    expect(await reasonOf(child.waitForReady({ kind: "handshake", timeoutMs: 20 }))).toBe("CHILD_NOT_READY");
    expect(await child.lastLines()).toBe("still loading");
    expect(isAlive(child.identity)).toBe(true);
  });

  test("E10: a child that is ready after the time is told that nobody waits", async () => {
    await using work = await workspace();
    const clock = new FakeClock();
    await using child = await started(work.child("speaks.ts", "wait", "ready", "stay"), "handshake");
    const wait = reasonOf(child.waitForReady({ kind: "handshake", timeoutMs: 1000 }, { clock }));
    await work.says("waiting");
    clock.advance(1000);
    expect(await wait).toBe("CHILD_NOT_READY");
    process.kill(child.identity.pid, "SIGUSR1");
    await work.says("PARENT_GONE");
    expect(await reasonOf(child.waitForReady(handshake))).toBe("CHILD_NOT_READY");
  });

  test("E12, E13: the exit of a child is what it was", async () => {
    await using work = await workspace();
    await using good = await started(work.sh("exit 0"), "none");
    await using bad = await started(work.sh("exit 42"), "none");
    await using killed = await started(work.sh("kill -KILL $$"), "none");
    expect(await good.wait()).toEqual({ kind: "code", code: 0 });
    expect(await bad.wait()).toEqual({ kind: "code", code: 42 });
    expect(await killed.wait()).toEqual({ kind: "signal", signal: "SIGKILL" });
  });

  test.each(["none", "fd", "handshake"] as const)(
    "E14: the caller's own descriptors are 5 and following (%s)",
    async (protocol) => {
      await using work = await workspace();
      const paths = [join(work.dir, "five"), join(work.dir, "six")];
      const files = paths.map((path) => openSync(path, "w"));
      await using child = await started(work.sh("echo a >&5; echo b >&6"), protocol, { extraFiles: files });
      expect(await child.exited).toEqual({ kind: "code", code: 0 });
      expect(paths.map((path) => readFileSync(path, "utf8"))).toEqual(["a\n", "b\n"]);
      for (const fd of files) {
        closeSync(fd);
      }
    },
  );

  test("E15: a child that dies at once is reported with its status and last lines, although a grandchild holds everything open", async () => {
    await using work = await workspace();
    const script = "(trap '' HUP; exec sleep 600) & echo starting; echo cannot bind >&2; exit 3";
    for (const [protocol, readiness] of [
      ["handshake", handshake],
      ["fd", { kind: "fd", timeoutMs: 600_000 }],
      ["none", { kind: "none", settleMs: 600_000, timeoutMs: 600_000 }],
      ["none", { kind: "tcp", host: "127.0.0.1", port: 1, timeoutMs: 600_000 }],
    ] as const) {
      await using child = await started(work.sh(script), protocol);
      const failure = await failureOf(child.waitForReady(readiness));
      expect(failure.reason).toBe("CHILD_EXITED");
      expect(failure.metadata).toEqual({ status: "exited with status 3", code: "3", lastLines: "cannot bind" });
    }
  });

  test("E16: waiting can end before the child, and disposing it kills it", async () => {
    await using work = await workspace();
    const child = await started(work.sh("sleep 600"), "none");
    expect(await reasonOf(child.wait({ timeoutMs: 5 }))).toBe("DEADLINE_EXCEEDED");
    expect(await reasonOf(child.wait({ signal: AbortSignal.abort() }))).toBe("CANCELLED");
    const both = Promise.all([child.wait(), child.exited]);
    await Promise.all([child[Symbol.asyncDispose](), child[Symbol.asyncDispose]()]);
    expect(await both).toEqual(Array(2).fill({ kind: "signal", signal: "SIGKILL" }));
    await child[Symbol.asyncDispose]();
  });

  test("E17: without the protocol there is no version variable, and no readiness that needs it", async () => {
    await using work = await workspace();
    await using child = await started(
      work.command("/usr/bin/env", [], { NODED_EXEC_VERSION: "1", NOTIFY_FD: "9" }),
      "none",
    );
    expect(await reasonOf(child.waitForReady(handshake))).toBe("NOT_APPLICABLE");
    expect(await reasonOf(child.waitForReady({ kind: "fd", timeoutMs: 1 }))).toBe("NOT_APPLICABLE");
    await child.exited;
    expect(work.stdout()).toBe(`NODED_LAUNCH_ID=${child.launchId}\n`);
  });

  test("E19: the usage in the README works", async () => {
    await using work = await workspace();
    await using child = await ParentHandle.spawn(work.child("speaks.ts", "config", "ready", "stay"), {
      protocol: "handshake",
    });
    expect(await child.lastLines()).toBe("");
    await child.release({ values: { INSTANCE_NAME: "apps/web" }, secret: "" });
    await child.waitForReady(handshake);
    expect(isAlive(child.identity)).toBe(true);
  });

  test("E20: a child that runs costs its parent no descriptor, although it keeps its own", async () => {
    await using work = await workspace();
    const before = openDescriptors();
    await using child = await started(work.sh("echo ready >&4; sleep 600"), "handshake", { secret: "x".repeat(1000) });
    await child.waitForReady(handshake);
    await vi.waitFor(() => expect(openDescriptors()).toBe(before));
    expect(isAlive(child.identity)).toBe(true);
  });

  test("E20: nothing is left open and nothing left running, however it ends", async () => {
    await using work = await workspace();
    await (await started(work.sh("exit 0"), "handshake")).exited;
    const before = openDescriptors();
    const launchId = "e20";
    for (const protocol of ["none", "fd", "handshake"] as const) {
      for (const script of [
        "sleep 600 & exit 0",
        "echo ready >&4; sleep 600",
        "sleep 600",
        "exec 3<&- 4>&-; sleep 600",
      ]) {
        await using child = await started(work.sh(script), protocol, {
          launchId,
          lifelinePath: join(work.dir, "lifeline"),
        });
        await child.waitForReady({ kind: "none", settleMs: 0, timeoutMs: 5000 }).catch(() => {});
      }
    }
    const unreleased = await ParentHandle.spawn(work.sh("sleep 600"), { protocol: "fd", launchId });
    await unreleased[Symbol.asyncDispose]();
    await reasonOf(ParentHandle.spawn(work.command("/nowhere"), { protocol: "none", launchId }));
    await vi.waitFor(() => expect(openDescriptors()).toBe(before));
    expect(processesOf(launchId)).toEqual([]);
  });
});

describe("a hostile child", () => {
  test.each([
    ["garbage", "printf 'hello\\n' >&4; sleep 600"],
    ["a status without an end", `head -c ${STATUS_MAX_BYTES + 1} /dev/zero >&4; sleep 600`],
    ["an endless status", "exec cat /dev/zero >&4"],
    ["half a line and then nothing more", "printf read >&4; exec 4>&-; sleep 600"],
    ["nothing, on a descriptor that it closed", "exec 4>&-; sleep 600"],
  ])("that says %s breaks the protocol, long before the time is over", async (_, script) => {
    await using work = await workspace();
    await using child = await started(work.sh(script), "handshake");
    expect(await reasonOf(child.waitForReady({ kind: "handshake", timeoutMs: 600_000 }))).toBe("CHILD_PROTOCOL_ERROR");
  });

  test("that is ready twice is ready once", async () => {
    await using work = await workspace();
    await using child = await started(
      work.sh("trap '' PIPE; echo ready >&4; while echo ready >&4; do :; done; echo told; sleep 600"),
      "handshake",
    );
    await child.waitForReady(handshake);
    await work.says("told");
    expect(isAlive(child.identity)).toBe(true);
  });

  test("that never reads its configuration does not hold up its parent", async () => {
    await using work = await workspace();
    await using child = await started(work.sh("echo ready >&4; sleep 600"), "handshake", {
      secret: "x".repeat(1024 * 1024),
    });
    await child.waitForReady(handshake);
    await using dies = await started(work.sh("exit 5"), "handshake", { secret: "x".repeat(1024 * 1024) });
    expect((await failureOf(dies.waitForReady(handshake))).metadata.code).toBe("5");
  });

  test("cannot be given more configuration than a frame carries, and is still behind its gate then", async () => {
    await using work = await workspace();
    await using child = await ParentHandle.spawn(work.sh("echo ran"), { protocol: "handshake" });
    expect(await reasonOf(child.release({ values: {}, secret: "x".repeat(1024 * 1024 + 1) }))).toBe("INVALID_ARGUMENT");
    await child[Symbol.asyncDispose]();
    expect(work.stdout()).toBe("");
  });
});
