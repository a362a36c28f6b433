import { readFileSync } from "node:fs";
import {
  type Clock,
  describeExit,
  type ExitStatus,
  NodeError,
  type ProcessIdentity,
  type Readiness,
  systemClock,
} from "@nodemanager/core";
import { type Protocol, SHELL, STUB } from "./command.ts";
import type { Outcome } from "./handshake.ts";
import { acceptsTcp, answersHttp, probeUntil } from "./probe.ts";
import { isAlive } from "./process-identity.ts";
import type { StatusChannel } from "./status-channel.ts";

export interface ReadyOptions {
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock;
}

/** A child that is to become ready. */
export interface Starting {
  readonly identity: ProcessIdentity;
  readonly protocol: Protocol;
  readonly exited: Promise<ExitStatus>;
  readonly status: StatusChannel | undefined;
  /** Fulfilled when the child has closed its end of the gate: the stub is about to exec, or is dead. */
  readonly gateClosed: Promise<void>;
  lastLines(): Promise<string>;
}

/** Waits until a child is ready: see `ParentHandle.waitForReady`. */
export async function becomeReady(child: Starting, readiness: Readiness, options: ReadyOptions): Promise<void> {
  const needed = protocolFor(readiness);
  if (needed !== "none" && needed !== child.protocol) {
    throw new NodeError(
      "NOT_APPLICABLE",
      `readiness ${readiness.kind} needs the protocol ${needed}, the process was started with ${child.protocol}`,
    );
  }
  const clock = options.clock ?? systemClock;
  const over = new AbortController();
  const signal = options.signal ? AbortSignal.any([over.signal, options.signal]) : over.signal;
  const timeout = clock.sleep(readiness.timeoutMs, signal).then(() => {
    throw new NodeError("CHILD_NOT_READY", `not ready by ${readiness.kind} within ${readiness.timeoutMs} ms`, {
      metadata: { readiness: readiness.kind, timeoutMs: String(readiness.timeoutMs) },
    });
  });
  try {
    await Promise.race([asked(child, readiness, clock, signal), timeout]);
  } finally {
    over.abort();
  }
  // What has said that it is ready may be dead by now.
  if (!isAlive(child.identity)) {
    throw await exitError(child, await child.exited);
  }
}

/** The protocol that a readiness needs the child to be spawned with. */
export function protocolFor(readiness: Readiness): Protocol {
  switch (readiness.kind) {
    case "none":
    case "tcp":
    case "http":
      return "none";
    case "fd":
      return "fd";
    case "handshake":
    case "appcycle":
      return "handshake";
  }
}

async function asked(child: Starting, readiness: Readiness, clock: Clock, signal: AbortSignal): Promise<void> {
  switch (readiness.kind) {
    case "fd":
    case "handshake":
    case "appcycle":
      return await settle(child, (await child.status?.outcome) ?? { kind: "abandoned" });
    case "none":
      return await unlessExited(child, settled(child, readiness.settleMs, clock, signal));
    case "tcp": {
      const { host, port } = readiness;
      return await unlessExited(
        child,
        probeUntil((attempt) => acceptsTcp(host, port, attempt), clock, signal),
      );
    }
    case "http": {
      const { url } = readiness;
      return await unlessExited(
        child,
        probeUntil((attempt) => answersHttp(url, attempt), clock, signal),
      );
    }
  }
}

async function settle(child: Starting, outcome: Outcome): Promise<void> {
  switch (outcome.kind) {
    case "ready":
      return;
    case "failed":
      throw new NodeError("CHILD_REPORTED_FAILURE", `the application reported: ${outcome.text}`, {
        metadata: { text: outcome.text, lastLines: await child.lastLines() },
      });
    case "malformed":
      throw new NodeError("CHILD_PROTOCOL_ERROR", `the application broke the exec protocol: ${outcome.problem}`, {
        metadata: { lastLines: await child.lastLines() },
      });
    case "exited":
      throw await exitError(child, outcome.exit);
    case "abandoned":
      throw new NodeError("CHILD_NOT_READY", "nobody waits for this process to become ready any more");
  }
}

/** Waits for the exec, and then for the time in which a program that fails at once would fail. */
async function settled(child: Starting, settleMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  if (child.protocol === "none") {
    await child.gateClosed; // The exec follows at once.
  }
  for (let intervalMs = 1; isStillStub(child); intervalMs = Math.min(intervalMs * 2, 100)) {
    await clock.sleep(intervalMs, signal);
  }
  await clock.sleep(settleMs, signal);
}

function isStillStub(child: Starting): boolean {
  try {
    const stub = `${SHELL}\0-c\0${STUB[child.protocol]}\0`;
    return readFileSync(`/proc/${child.identity.pid}/cmdline`, "latin1").startsWith(stub);
  } catch {
    return false;
  }
}

async function unlessExited(child: Starting, ready: Promise<void>): Promise<void> {
  const exit = await Promise.race([ready, child.exited]);
  if (exit) {
    throw await exitError(child, exit);
  }
}

async function exitError(child: Starting, exit: ExitStatus): Promise<NodeError> {
  const status = describeExit(exit);
  return new NodeError("CHILD_EXITED", `the process ${status} before it was ready`, {
    metadata: {
      status,
      lastLines: await child.lastLines(),
      ...(exit.kind === "code" ? { code: String(exit.code) } : {}),
      ...(exit.kind === "signal" ? { signal: exit.signal } : {}),
    },
  });
}
