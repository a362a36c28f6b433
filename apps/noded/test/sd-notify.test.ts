import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { tempDir } from "@nodemanager/testing";
import { describe, expect, test } from "vitest";

const PYTHON = "/usr/bin/python3";
const SYSTEMD_NOTIFY = "/usr/bin/systemd-notify";
const FIXTURES = join(import.meta.dirname, "fixtures");

/** What stands in for systemd: everything that it is told, in order. */
async function receiver(address: string) {
  const child = spawn(PYTHON, [join(FIXTURES, "receive.py"), address], { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  await lines.next();
  return {
    next: async () => (await lines.next()).value,
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await once(child, "close");
    },
  };
}

function notify(env: NodeJS.ProcessEnv, flags: readonly string[]) {
  const args = ["--conditions=@nodemanager/source", "--disable-warning=ExperimentalWarning", ...flags];
  const child = spawn(process.execPath, [...args, join(FIXTURES, "notify.ts")], { env, stdio: "pipe" });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return {
    said: once(child.stdout.setEncoding("utf8"), "data").then(([text]) => text),
    stop: () => child.stdin.write("\n"),
    end: async () => {
      child.stdin.end();
      await once(child, "close");
      return { status: child.exitCode, stderr };
    },
  };
}

const WAYS = [
  { way: "itself", flags: [], needs: PYTHON },
  { way: "through a child, where Node cannot", flags: ["--no-experimental-ffi"], needs: SYSTEMD_NOTIFY },
];

describe.each(WAYS.filter(({ needs }) => existsSync(needs) && existsSync(PYTHON)))("it speaks $way", ({ flags }) => {
  test.each(["a path", "a name that no file has"])("to %s", async (kind) => {
    await using dir = await tempDir();
    const address = kind === "a path" ? join(dir.path, "notify") : `@nm-${dir.path}`;
    await using systemd = await receiver(address);
    const manager = notify({ NOTIFY_SOCKET: address }, flags);
    expect(await systemd.next()).toBe("READY=1 STATUS=serving unix:/run/s");
    manager.stop();
    expect(await systemd.next()).toBe("STOPPING=1 STATUS=shutting down");
    expect(await manager.end()).toEqual({ status: 0, stderr: "" });
  });

  test("of its being alive, for as long as it is asked to", async () => {
    await using dir = await tempDir();
    const address = join(dir.path, "notify");
    await using systemd = await receiver(address);
    const manager = notify({ NOTIFY_SOCKET: address, WATCHDOG_USEC: "100000" }, flags);
    const heard = [await systemd.next(), await systemd.next(), await systemd.next()];
    expect(heard.filter((text) => text === "WATCHDOG=1").length).toBeGreaterThanOrEqual(2);
    await manager.end();
  });
});

describe("what systemd put into the environment", () => {
  test("is taken out of it", async () => {
    const manager = notify({ NOTIFY_SOCKET: "/nowhere", WATCHDOG_USEC: "1000000", WATCHDOG_PID: "1" }, []);
    expect(await manager.said).toBe("[]\n");
    await manager.end();
  });

  test.skipIf(!existsSync(PYTHON))("about another process counts for nothing", async () => {
    await using dir = await tempDir();
    const address = join(dir.path, "notify");
    await using systemd = await receiver(address);
    const manager = notify({ NOTIFY_SOCKET: address, WATCHDOG_USEC: "2000", WATCHDOG_PID: "1" }, []);
    expect(await systemd.next()).toMatch(/^READY=1/);
    manager.stop();
    expect(await systemd.next()).toMatch(/^STOPPING=1/);
    await manager.end();
  });

  test("is a socket that nobody has: a warning, and no more", async () => {
    const manager = notify({ NOTIFY_SOCKET: "/nowhere" }, []);
    await manager.said;
    const { status, stderr } = await manager.end();
    expect(status).toBe(0);
    expect(JSON.parse(stderr)).toMatchObject({ level: "warn", error: { message: "nothing can be sent to /nowhere" } });
  });

  test("is nothing: nothing is said", async () => {
    const manager = notify({}, []);
    expect(await manager.said).toBe("[]\n");
    manager.stop();
    expect(await manager.end()).toEqual({ status: 0, stderr: "" });
  });
});
