import { readFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer, type Server } from "node:net";
import { isAlive, ParentHandle, protocolFor } from "@nodemanager/exec";
import { FakeClock, reasonOf } from "@nodemanager/testing";
import { describe, expect, test, vi } from "vitest";
import { started, workspace } from "./support.ts";

const STAY = "exec sleep 600";

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address !== "object" || address === null) {
    throw new Error("it does not listen on a port");
  }
  return address.port;
}

/** A port on which nobody listens. */
async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test("each kind of readiness has the protocol that it needs", () => {
  expect(protocolFor({ kind: "none", settleMs: 1, timeoutMs: 1 })).toBe("none");
  expect(protocolFor({ kind: "tcp", host: "h", port: 1, timeoutMs: 1 })).toBe("none");
  expect(protocolFor({ kind: "http", url: "http://h", timeoutMs: 1 })).toBe("none");
  expect(protocolFor({ kind: "fd", timeoutMs: 1 })).toBe("fd");
  expect(protocolFor({ kind: "handshake", timeoutMs: 1 })).toBe("handshake");
  expect(protocolFor({ kind: "appcycle", timeoutMs: 1 })).toBe("handshake");
});

describe("none", () => {
  test("is ready when it runs and has stayed alive for the settle time", async () => {
    await using work = await workspace();
    const clock = new FakeClock();
    await using child = await started(work.sh(STAY), "none");
    await vi.waitFor(() => {
      expect(readFileSync(`/proc/${child.identity.pid}/cmdline`, "latin1")).toBe("sleep\x00600\x00");
    });
    let ready = false;
    const wait = child.waitForReady({ kind: "none", settleMs: 500, timeoutMs: 30_000 }, { clock }).then(() => {
      ready = true;
    });
    await vi.waitFor(() => expect(clock.sleepers).toBe(2));
    clock.advance(499);
    await new Promise(setImmediate);
    expect(ready).toBe(false);
    clock.advance(1);
    await wait;
    expect(isAlive(child.identity)).toBe(true);
  });

  test("is never ready before the program has taken the place of the stub", async () => {
    await using work = await workspace();
    for (let round = 0; round < 20; round++) {
      await using child = await started(work.command("/bin/sleep", ["600"]), "none");
      await child.waitForReady({ kind: "none", settleMs: 0, timeoutMs: 15_000 });
      expect(readFileSync(`/proc/${child.identity.pid}/cmdline`, "latin1")).toBe("/bin/sleep\x00600\x00");
    }
  });

  test("is not ready without a settle time when the program cannot be run", async () => {
    await using work = await workspace();
    const command = work.command("/usr/bin/env", ["/no/such/program"]);
    await using child = await started(command, "none");
    expect(await reasonOf(child.waitForReady({ kind: "none", settleMs: 200, timeoutMs: 30_000 }))).toBe("CHILD_EXITED");
  });

  test("is not ready before it is released, however long one waits", async () => {
    await using work = await workspace();
    await using child = await ParentHandle.spawn(work.sh(STAY), { protocol: "none" });
    expect(await reasonOf(child.waitForReady({ kind: "none", settleMs: 0, timeoutMs: 50 }))).toBe("CHILD_NOT_READY");
  });
});

describe("fd", () => {
  test("is ready by a newline on NOTIFY_FD, after whatever else", async () => {
    await using work = await workspace();
    await using child = await started(work.sh(`printf 'loading 10%%' >&$NOTIFY_FD; echo >&$NOTIFY_FD; ${STAY}`), "fd");
    await child.waitForReady({ kind: "fd", timeoutMs: 15_000 });
    expect(isAlive(child.identity)).toBe(true);
  });

  test("is not ready without one", async () => {
    await using work = await workspace();
    await using child = await started(work.sh(`printf loading >&$NOTIFY_FD; ${STAY}`), "fd");
    expect(await reasonOf(child.waitForReady({ kind: "fd", timeoutMs: 50 }))).toBe("CHILD_NOT_READY");
    await using closes = await started(work.sh(`exec 4>&-; ${STAY}`), "fd");
    expect(await reasonOf(closes.waitForReady({ kind: "fd", timeoutMs: 600_000 }))).toBe("CHILD_PROTOCOL_ERROR");
  });
});

describe("tcp", () => {
  test("is ready when the port takes a connection", async () => {
    await using work = await workspace();
    const clock = new FakeClock();
    const port = await freePort();
    await using child = await started(work.sh(STAY), "none");
    const wait = child.waitForReady({ kind: "tcp", host: "127.0.0.1", port, timeoutMs: 30_000 }, { clock });
    await vi.waitFor(() => expect(clock.sleepers).toBe(2));
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    clock.advance(1000);
    await wait;
    await new Promise((resolve) => server.close(resolve));
  });

  test("is not ready while it does not, and not when the name does not resolve", async () => {
    await using work = await workspace();
    const port = await freePort();
    await using child = await started(work.sh(STAY), "none");
    for (const host of ["127.0.0.1", "no-such-host.invalid"]) {
      expect(await reasonOf(child.waitForReady({ kind: "tcp", host, port, timeoutMs: 100 }))).toBe("CHILD_NOT_READY");
    }
  });

  test("of a process that ends is reported at once", async () => {
    await using work = await workspace();
    await using child = await started(work.sh("exit 1"), "none");
    expect(await reasonOf(child.waitForReady({ kind: "tcp", host: "127.0.0.1", port: 1, timeoutMs: 600_000 }))).toBe(
      "CHILD_EXITED",
    );
  });
});

describe("http", () => {
  test("is ready when the URL answers with success", async () => {
    await using work = await workspace();
    const clock = new FakeClock();
    const statuses = [503, 404, 302];
    const server = createHttpServer((_, response) =>
      response.writeHead(statuses.shift() ?? 500).end("x".repeat(100_000)),
    );
    const port = await listening(server);
    await using child = await started(work.sh(STAY), "none");
    const wait = child.waitForReady(
      { kind: "http", url: `http://127.0.0.1:${port}/healthz`, timeoutMs: 30_000 },
      { clock },
    );
    for (const left of [2, 1]) {
      await vi.waitFor(() => {
        expect(statuses).toHaveLength(left);
        expect(clock.sleepers).toBe(2);
      });
      clock.advance(1000);
    }
    await wait;
    expect(statuses).toEqual([]);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  test("is not ready when what answers does not speak it, or does not answer", async () => {
    await using work = await workspace();
    await using child = await started(work.sh(STAY), "none");
    for (const answer of ["garbage\r\n\r\n", ""]) {
      const server = createServer((socket) => {
        socket.on("error", () => {}).resume();
        socket.write(answer);
      });
      const url = `http://127.0.0.1:${await listening(server)}/`;
      expect(await reasonOf(child.waitForReady({ kind: "http", url, timeoutMs: 100 }))).toBe("CHILD_NOT_READY");
      await new Promise((resolve) => server.close(resolve));
    }
  });
});

test("waiting can be cancelled, in each kind", async () => {
  await using work = await workspace();
  for (const readiness of [
    { kind: "none", settleMs: 60_000, timeoutMs: 60_000 },
    { kind: "tcp", host: "127.0.0.1", port: 1, timeoutMs: 60_000 },
    { kind: "fd", timeoutMs: 60_000 },
    { kind: "handshake", timeoutMs: 60_000 },
  ] as const) {
    await using child = await started(work.sh(STAY), protocolFor(readiness));
    const abort = new AbortController();
    const wait = reasonOf(child.waitForReady(readiness, { signal: abort.signal }));
    abort.abort();
    expect(await wait).toBe("CANCELLED");
    expect(isAlive(child.identity)).toBe(true);
  }
});
