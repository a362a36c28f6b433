import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { collect, reasonOf } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { isRunning, TestNode } from "./support/test-node.ts";

test.concurrent("an application is installed, started and stopped; what it wrote at its end is in the workspace", async () => {
  await using node = await TestNode.open();
  const { installation, instance, pid } = await node.running({ mode: "steady" });
  expect(await node.names(`${installation}/*`)).toEqual([instance]);
  expect(isRunning(pid)).toBe(true);

  await collect(node.manager.stop(instance));
  expect(isRunning(pid)).toBe(false);
  expect(await node.names(`${installation}/*`)).toEqual([]);
  const [stopped] = await collect(
    node.root.instances.list((await installationName(node, installation)).name, { stopped: true }),
  );
  expect(stopped).toMatchObject({ kind: "instance", state: "stopped", lastExit: { exit: { kind: "code", code: 0 } } });
  if (stopped?.kind !== "instance") {
    throw new Error("the instance is not there");
  }
  expect(await readFile(join(stopped.rootDir, "ended"), "utf8")).toBe("ended\n");
});

test.concurrent("what is said at the installation wins over the envelope, and is seen by the application", async () => {
  await using node = await TestNode.open();
  const installation = await node.install(
    { mode: "environment", args: ["from the envelope"], env: { COLOUR: "red", TASTE: "sweet" } },
    { env: { COLOUR: "blue" }, args: ["--from-the-installation"] },
  );
  const instance = await node.start(installation);
  expect(await node.installation(installation)).toMatchObject({ state: "installed", version: "1.0.0", running: 1 });

  const { logsDir, rootDir } = await node.instance(instance);
  const lines = (await readFile(join(logsDir, "stdout"), "utf8")).trim().split("\n");
  expect(lines[0]).toMatch(/^environment \d+ from the envelope --from-the-installation$/);
  const environment = lines.slice(1).map((line) => line.slice(0, line.indexOf("=")));
  expect(lines).toEqual(expect.arrayContaining(["COLOUR=blue", "TASTE=sweet", `HOME=${rootDir}`, `PWD=${rootDir}`]));
  expect(lines).toEqual(expect.arrayContaining([`NODED_INSTANCE=${instance}`, "NODED_VERSION=1.0.0"]));
  // Nothing of the manager's own environment gets through.
  const known =
    /^(COLOUR|TASTE|PATH|HOME|TMPDIR|PWD|LANG|NODED_INSTANCE|NODED_VERSION|NODED_LOGS_DIR|NODED_LAUNCH_ID|NOTIFY_FD|OLDPWD|_|SHLVL)$/;
  expect(environment.filter((key) => !known.test(key))).toEqual([]);

  const text = await node.manager.debug(instance);
  expect(text).toContain("origin:\n  file:");
  expect(text).toContain('"COLOUR": "blue"');
});

test.concurrent("a suspended instance does not run and runs again as another process; others go on", async () => {
  await using node = await TestNode.open();
  const { installation, instance, pid } = await node.running({ mode: "steady" });
  const second = await node.start(installation);
  const secondPid = await node.pid(second);

  await collect(node.manager.suspend(instance));
  expect([isRunning(pid), isRunning(secondPid)]).toEqual([false, true]);
  expect(await node.instance(instance)).toMatchObject({ state: "suspended", suspension: { by: "operator" } });

  await collect(node.manager.resume(instance));
  expect(await node.state(instance)).toBe("running");
  expect(await node.pid(instance)).not.toBe(pid);
  expect(await node.workspaceFile(instance, "ended")).toBe("ended\n");
});

test.concurrent("an uninstalled application does not start", async () => {
  await using node = await TestNode.open();
  const { installation, pid } = await node.running({ mode: "steady" });
  await collect(node.manager.uninstall(installation));
  expect(isRunning(pid)).toBe(false);
  expect(await reasonOf(collect(node.manager.start(installation)))).toBe("INSTALLATION_UNINSTALLED");
  expect(await node.names("**")).toEqual([]);
});

test.concurrent("a process that is killed from outside is noticed, and said", async () => {
  await using node = await TestNode.open();
  const { instance, pid } = await node.running({ mode: "steady" });
  process.kill(pid, "SIGKILL");
  const status = await node.until(instance, "suspended");
  expect(status).toMatchObject({
    suspension: { by: "exit", why: "it was killed by SIGKILL" },
    lastExit: { exit: { kind: "signal", signal: "SIGKILL" } },
  });
});

test.concurrent("when the manager has ended nothing of it runs", async () => {
  await using node = await TestNode.open();
  const { installation, pid } = await node.running({ mode: "parent" });
  const pids = [pid, await node.pid(await node.start(installation))];
  await node.shutdown();
  expect(pids.filter(isRunning)).toEqual([]);
});

async function installationName(node: TestNode, text: string) {
  for await (const record of node.root.installations.list()) {
    if (record.kind === "installation" && text.endsWith(record.name.installation)) {
      return record;
    }
  }
  throw new Error(`${text} is not installed`);
}
