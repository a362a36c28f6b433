import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { parseName } from "@nodemanager/core";
import { collect } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { isRunning, TestNode } from "../support/test-node.ts";

const LEFT = "ended while no manager watched it";

async function report(node: TestNode): Promise<string> {
  return (await node.manager.managerStatus()).recovery.join("\n");
}

test.concurrent("adopt: what runs goes on, is watched, and can be stopped", async () => {
  await using node = await TestNode.open({ policy: "leave" });
  const { installation, instance, pid } = await node.running({ mode: "steady" });
  const second = await node.start(installation);
  const secondPid = await node.pid(second);
  await node.crash();
  expect([pid, secondPid].map(isRunning)).toEqual([true, true]);
  await node.reopen();
  expect(await report(node)).toContain(`${instance} was running: adopt`);
  expect(await node.instance(instance)).toMatchObject({ state: "running", pid });

  process.kill(pid, "SIGKILL");
  expect(await node.until(instance, "suspended")).toMatchObject({
    suspension: { by: "exit", why: `it ${LEFT}` },
    lastExit: { exit: { kind: "unseen" } },
  });
  await collect(node.manager.stop(second));
  expect(isRunning(secondPid)).toBe(false);
});

test.concurrent("adopt: an adopted instance is suspended, resumed and stopped in order like any other", async () => {
  await using node = await TestNode.open({ policy: "leave" });
  const { instance } = await node.running({ title: "cycle", appCycle: "orderly" });
  await node.crash();
  await node.reopen();
  const events = await collect(node.manager.suspend(instance));
  expect(events).toContainEqual(expect.objectContaining({ kind: "progress", done: 3, goal: 3 }));
  expect(await node.workspaceFile(instance, "ended")).toBe("in order");
  expect(await node.instance(instance)).toMatchObject({ state: "suspended", suspension: { by: "operator" } });
  await collect(node.manager.resume(instance));
  expect(await node.state(instance)).toBe("running");
});

test.concurrent("suspendAndResume: under the other policy what runs is brought under the new manager", async () => {
  await using node = await TestNode.open();
  const { instance, pid } = await node.running({ mode: "steady" });
  await node.crash();
  await node.reopen();
  expect(await report(node)).toContain(`${instance} was running: suspendAndResume`);
  expect(isRunning(pid)).toBe(false);
  expect(await node.state(instance)).toBe("running");
  expect(await node.pid(instance)).not.toBe(pid);
  expect(await node.workspaceFile(instance, "ended")).toBe("ended\n");
});

test.concurrent("recordExit: what ended while nobody watched is suspended, and what it had started is ended", async () => {
  await using node = await TestNode.open();
  const { instance, pid } = await node.running({ mode: "parent" });
  const grandchild = Number(await node.workspaceFile(instance, "grandchild"));
  await node.crash();
  await killAndWait(pid);
  await node.reopen();
  expect(await report(node)).toContain(`${instance} was running: recordExit`);
  expect(await node.instance(instance)).toMatchObject({ state: "suspended", suspension: { by: "exit" } });
  expect(isRunning(grandchild)).toBe(false);
  // Decided once: the next start-up leaves it.
  await node.crash();
  await node.reopen();
  expect(await report(node)).toBe("");
  expect(await node.state(instance)).toBe("suspended");
});

test.concurrent("recordExitAndResume: what ended because the node did runs again", async () => {
  await using node = await TestNode.open();
  const { instance, pid } = await node.running({ mode: "steady" });
  await node.crash();
  await killAndWait(pid);
  await ofAnotherBoot(node, instance, "info");
  await node.reopen();
  expect(await report(node)).toContain(`${instance} was running: recordExitAndResume`);
  expect(await node.instance(instance)).toMatchObject({ state: "running", lastExit: { exit: { kind: "unseen" } } });
});

test.concurrent("recordExitAndResume: a stranger who has the pid in this boot is left alone", async () => {
  await using node = await TestNode.open({ uncontained: true });
  const { instance, pid } = await node.running({ mode: "steady" });
  await node.crash();
  await ofAnotherBoot(node, instance, "info");
  await node.reopen();
  expect(isRunning(pid)).toBe(true);
  expect(await node.state(instance)).toBe("running");
  expect(await node.pid(instance)).not.toBe(pid);
});

test.concurrent("abandon: what was not ready is ended, and not resumed if it never ran", async () => {
  await using node = await TestNode.open();
  const installation = await node.install({ mode: "gated" });
  void collect(node.manager.start(installation));
  const instance = await node.firstInstance(installation);
  const { pid = 0 } = await node.until(instance, "starting");
  await node.crash();
  expect(isRunning(pid)).toBe(true);
  await node.reopen();
  expect(await report(node)).toContain(`${instance} was starting: abandon`);
  expect(isRunning(pid)).toBe(false);
  expect(await node.instance(instance)).toMatchObject({ state: "suspended", suspension: { by: "manager" } });
});

test.concurrent("finishSuspend: a suspend that a manager had begun is finished and holds", async () => {
  await using node = await TestNode.open();
  const { instance, pid } = await node.running({ mode: "deaf", graceMs: 100 });
  void collect(node.manager.suspend(instance, { deadlineMs: 60_000 }));
  await node.until(instance, (object) => object.kind === "instance" && object.state === "suspending");
  await node.crash();
  await node.reopen();
  expect(await report(node)).toContain(`${instance} was suspending: finishSuspend`);
  expect(isRunning(pid)).toBe(false);
  expect(await node.instance(instance)).toMatchObject({ state: "suspended", suspension: { by: "operator" } });
});

test.concurrent("finishSuspend: what a shutdown had begun to suspend runs again", async () => {
  await using node = await TestNode.open();
  const { instance, pid } = await node.running({ mode: "deaf", graceMs: 100 });
  void collect(node.manager.restart(instance, { deadlineMs: 60_000 }));
  await node.until(instance, "suspending");
  await node.crash();
  await node.reopen();
  expect(isRunning(pid)).toBe(false);
  expect(await node.instance(instance)).toMatchObject({ state: "running", suspension: undefined });
});

test.concurrent("finishStop: a stop that a manager had begun is finished", async () => {
  await using node = await TestNode.open();
  const { installation, instance, pid } = await node.running({ mode: "deaf", graceMs: 100 });
  void collect(node.manager.stop(instance, { deadlineMs: 60_000 }));
  await node.until(instance, "stopping");
  await node.crash();
  await node.reopen();
  expect(await report(node)).toContain(`${instance} was stopping: finishStop`);
  expect(isRunning(pid)).toBe(false);
  expect(await node.names(`${installation}/*`)).toEqual([]);
});

test.concurrent("an uninstall that a manager had begun is finished, and nothing of it is resumed", async () => {
  await using node = await TestNode.open();
  const { installation, pid } = await node.running({ mode: "deaf", graceMs: 100 });
  void collect(node.manager.uninstall(installation, { deadlineMs: 60_000 }));
  await node.until(installation, (object) => object.kind === "installation" && object.state === "uninstalling");
  await node.crash();
  await node.reopen();
  expect(await report(node)).toContain(`${installation} was being uninstalled`);
  expect(isRunning(pid)).toBe(false);
  expect(await node.names("**")).toEqual([]);
});

test.concurrent("resume: what a manager had wanted and not yet resumed is resumed; what an operator suspended is left", async () => {
  await using node = await TestNode.open();
  const { installation, instance } = await node.running({ mode: "steady" });
  const suspended = await node.start(installation);
  await collect(node.manager.suspend(suspended));
  await node.shutdown();
  await node.reopen();
  expect(await report(node)).toBe(`${instance} was suspended: resume`);
  expect(await node.state(instance)).toBe("running");
  expect(await node.state(suspended)).toBe("suspended");
});

test.concurrent("an operator who asks while a start-up still recovers is served, and what they did holds", async () => {
  await using node = await TestNode.open();
  const { installation } = await node.running({ mode: "steady" });
  const instances = [...(await node.names(`${installation}/*`))];
  for (let i = 0; i < 11; i++) {
    instances.push(await node.start(installation));
  }
  await node.crash();
  await node.reopen({ wait: false });
  const stops = await Promise.all(
    instances.map(async (name) => {
      const events = await collect(node.manager.stop(name)).catch((error) => [error]);
      return events.at(-1);
    }),
  );
  await node.manager.recovered();
  for (const end of stops) {
    expect(end.kind === "outcome" || end.reason === "OPERATION_IN_PROGRESS").toBe(true);
  }
  await collect(node.manager.stop(installation));
  expect(await node.names(`${installation}/*`)).toEqual([]);
});

test.concurrent("what an operator has resumed before the start-up got to it is left running", async () => {
  await using node = await TestNode.open();
  const installation = await node.install({ mode: "deaf", graceMs: 1500 });
  // As many as are recovered at a time, and one more.
  const instances = await Promise.all(Array.from({ length: 9 }, () => node.start(installation)));
  const last = instances.sort().at(-1) ?? "";
  await node.crash();
  await node.reopen({ wait: false });
  await collect(node.manager.suspend(last, { deadlineMs: 0 }));
  await collect(node.manager.resume(last));
  const pid = await node.pid(last);
  await node.manager.recovered();
  expect(await node.instance(last)).toMatchObject({ state: "running", pid });
});

test.concurrent("a binary that no installation came to use is removed, one that is used stays", async () => {
  await using node = await TestNode.open();
  const { instance } = await node.running({ mode: "steady" });
  const bytes = Buffer.from("brought and never used");
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  {
    await using blob = await node.root.blobs.begin({ sha256, sizeBytes: bytes.length });
    await blob.write(bytes);
    await blob.commit();
  }
  await node.crash();
  await node.reopen();
  expect(await report(node)).toContain(`binary ${sha256} was unused`);
  expect((await node.listing()).filter((line) => line.startsWith("blobs/sha256/"))).toHaveLength(1);
  expect(await node.state(instance)).toBe("running");
});

test.concurrent("sockets that a manager left are removed, those of others are not", async () => {
  await using node = await TestNode.open({ policy: "leave" });
  const { instance } = await node.running({ title: "cycle", appCycle: "orderly" });
  const used = await sockets(node);
  const earlier = `ac-${(await attemptOf(node, instance)).slice(0, 12)}`;
  await node.crash();
  const other = createServer().listen(join(node.dir, "run", "noded.sock"));
  await once(other, "listening");
  await writeFile(join(node.dir, "run", "ac-aaaaaaaaaaaa"), "");
  await writeFile(join(node.dir, "run", "cb-aaaaaaaaaaaa"), "");
  await mkdir(join(node.dir, "run", "s-aaaaaaaaaa"));
  // What a manager of version 0.1 has started serves here, and may still run.
  await writeFile(join(node.dir, "run", earlier), "");
  await node.reopen();
  expect(await sockets(node)).toEqual([...used, earlier, "noded.sock"].sort());
  await collect(node.manager.stop(instance));
  expect(await sockets(node)).toEqual(["noded.sock"]);
  other.close();
});

async function attemptOf(node: TestNode, instance: string): Promise<string> {
  const name = parseName(instance);
  const record = name.kind === "instance" ? await node.root.instances.read(name) : undefined;
  return record && "launch" in record && record.launch ? record.launch.attempt : "";
}

async function sockets(node: TestNode): Promise<string[]> {
  const lines = await node.listing();
  return lines.flatMap((line) => (line.startsWith("run/") ? [line.slice(4, line.lastIndexOf(" "))] : []));
}

/** The record of a process says that it was started before the node was. */
async function ofAnotherBoot(node: TestNode, instance: string, claim: string): Promise<void> {
  const [line = ""] = (await node.listing()).filter((entry) =>
    entry.includes(`instance-${instance.slice(-26)}/${claim} `),
  );
  const file = join(node.dir, line.slice(0, line.lastIndexOf(" ")));
  expect(dirname(file)).not.toBe(node.dir);
  const info = JSON.parse(await readFile(file, "utf8"));
  await writeFile(file, JSON.stringify({ ...info, process: { ...info.process, bootId: "another-boot" } }));
}

/** Kills a process group and waits until this process, its parent, has been told. */
async function killAndWait(pid: number): Promise<void> {
  process.kill(pid, "SIGKILL");
  await expect.poll(() => isRunning(pid), { interval: 5, timeout: 5000 }).toBe(false);
}
