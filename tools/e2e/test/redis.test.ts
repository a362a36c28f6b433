import { existsSync } from "node:fs";
import { createConnection } from "node:net";
import { describe, expect, test, vi } from "vitest";
import { freePort, publish } from "../src/applications.ts";
import { Device } from "../src/device.ts";
import { REDIS } from "../src/programs.ts";

// Programs are started by the dozen, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

// Debian's, unmodified; `apt-get install redis-server` brings it.
describe.skipIf(!existsSync(REDIS))("redis-server", () => {
  test("lives its whole life by readiness tcp, and keeps its data over suspend and resume", async () => {
    await using device = await Device.start();
    const port = await freePort();
    const args = ["--port", String(port), "--bind", "127.0.0.1", "--dir", ".", "--appendonly", "yes"];
    const origin = await publish(device, { file: REDIS, readiness: `tcp:${port}`, args }, { title: "redis" });
    const installation = await device.ok("install", origin);
    const instance = await device.ok("start", installation);
    // Ready means that it answers, at once.
    expect(await redis(port, "PING")).toBe("+PONG");
    expect(await redis(port, "SET kept yes")).toBe("+OK");

    await device.ok("suspend", instance);
    await expect(redis(port, "PING")).rejects.toThrow("ECONNREFUSED");
    await device.ok("resume", instance);
    expect(await redis(port, "GET kept")).toBe("$3\r\nyes");

    await device.ok("restart", instance);
    expect(await redis(port, "GET kept")).toBe("$3\r\nyes");
    expect(await device.ok("logs", "--stream", "stdout", instance)).toContain("Ready to accept connections");

    // Its own end, by its own command, is noticed.
    await redis(port, "SHUTDOWN").catch(() => {});
    await expect.poll(() => device.stateOf(instance), { timeout: 20_000 }).toBe("SUSPENDED");
    expect((await device.object(instance)).object).toMatchObject({
      value: { lastExit: { how: { $case: "code", value: 0 } } },
    });
    await device.ok("resume", instance);
    expect(await redis(port, "GET kept")).toBe("$3\r\nyes");

    await device.ok("stop", instance);
    await device.ok("uninstall", installation);
    expect((await device.noded.end()).code).toBe(0);
    expect(device.leftRunning()).toEqual([]);
  });
});

/** Sends one command in the inline form of RESP. @returns the answer, without the line end that closes it */
async function redis(port: number, command: string): Promise<string> {
  const socket = createConnection({ port, host: "127.0.0.1" });
  const answer = Promise.withResolvers<string>();
  let text = "";
  socket.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
    const [first = ""] = text.split("\r\n");
    if (text.endsWith("\r\n") && (!first.startsWith("$") || text.length >= first.length + 2 + Number(first.slice(1)))) {
      answer.resolve(text.slice(0, -2));
    }
  });
  socket.on("error", answer.reject).on("close", () => answer.reject(new Error("it closed the connection")));
  socket.write(`${command}\r\n`);
  try {
    return await answer.promise;
  } finally {
    socket.destroy();
  }
}
