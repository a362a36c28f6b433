import { connect } from "node:net";
import type { Clock } from "@nodemanager/core";

const ATTEMPT_MS = 2000;
const INTERVAL_MIN_MS = 20;
const INTERVAL_MAX_MS = 500;

/** Asks again and again, at growing intervals, until the answer is yes. @throws NodeError of the signal */
export async function probeUntil(
  attempt: (signal: AbortSignal) => Promise<boolean>,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  for (let intervalMs = INTERVAL_MIN_MS; ; intervalMs = Math.min(intervalMs * 2, INTERVAL_MAX_MS)) {
    if (await attempt(AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_MS)]))) {
      return;
    }
    await clock.sleep(intervalMs, signal);
  }
}

/** Whether a TCP connection can be made. */
export async function acceptsTcp(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) {
    return false;
  }
  const socket = connect({ host, port, signal });
  try {
    return await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("close", () => resolve(false));
      socket.on("error", () => resolve(false));
    });
  } finally {
    socket.destroy();
  }
}

/** Whether a GET is answered with a status from 200 to 399. Redirects are not followed. */
export async function answersHttp(url: string, signal: AbortSignal): Promise<boolean> {
  // Not imported: an import of node:http loads all that it offers, WebSocket among it, and costs a manager that never
  // asks this 16 MB.
  const { request } = process.getBuiltinModule("node:http");
  return await new Promise<boolean>((resolve) => {
    const call = request(url, { agent: false, signal, headers: { connection: "close" } }, (response) => {
      const status = response.statusCode ?? 0;
      resolve(status >= 200 && status < 400);
      response.destroy();
    });
    call.on("error", () => resolve(false));
    call.on("close", () => resolve(false));
    call.end();
  });
}
