import {
  type Account,
  abortable,
  deadlineSignal,
  describeExit,
  type Envelope,
  formatName,
  type InstanceName,
  NodeError,
  newId,
} from "@nodemanager/core";
import type { ParentHandle } from "@nodemanager/exec";
import { childSockets, makeChildSockets, shareChildSockets } from "../child-sockets.ts";
import type { Context } from "../context.ts";
import type { Callback } from "../ports.ts";

/** The key under which a child names its app cycle service. */
const APP_CYCLE_ADDRESS = "APP_CYCLE_ADDRESS";

/** A process that waits at its gate, and what it runs. */
export interface Launched {
  readonly handle: ParentHandle;
  readonly envelope: Envelope;
  readonly account: Account | undefined;
}

/**
 * Opens the gate and waits until the application is ready in its way.
 *
 * @returns the app cycle address, of an application that has one
 * @throws NodeError `CHILD_EXITED`, `CHILD_REPORTED_FAILURE`, `CHILD_NOT_READY`, `CHILD_PROTOCOL_ERROR`,
 *   `SOCKET_PATH_TOO_LONG`, or the signal's error
 */
export async function becomeReady(
  ctx: Context,
  name: InstanceName,
  { envelope, account, handle }: Launched,
  signal: AbortSignal,
): Promise<string | undefined> {
  const values = { INSTANCE_NAME: formatName(name) };
  if (envelope.readiness.kind !== "appcycle") {
    await handle.release({ values, secret: "" });
    await handle.waitForReady(envelope.readiness, { signal, clock: ctx.clock });
    return undefined;
  }
  // One deadline for the handshake and for the address that follows it.
  const { timeoutMs } = envelope.readiness;
  using deadline = deadlineSignal(
    timeoutMs,
    () => new NodeError("CHILD_NOT_READY", `it did not name its app cycle service within ${timeoutMs} ms`),
    signal,
  );
  const sockets = childSockets(ctx.root.runDir, handle.launchId);
  const callbackId = newId();
  await makeChildSockets(sockets);
  await using callback = await ctx.callbacks.listen({
    socketPath: sockets.callback,
    callbackId,
    keys: [APP_CYCLE_ADDRESS],
  });
  if (account) {
    await shareChildSockets(sockets, account);
  }
  await handle.release({
    values: {
      ...values,
      CALLBACK_ADDRESS: callback.address,
      CALLBACK_ID: callbackId,
      APP_CYCLE_SOCKET: sockets.appCycle,
    },
    secret: "",
  });
  await handle.waitForReady(envelope.readiness, { signal: deadline.signal, clock: ctx.clock });
  return await addressOrExit(callback, handle, deadline.signal);
}

async function addressOrExit(callback: Callback, handle: ParentHandle, signal: AbortSignal): Promise<string> {
  // Ends the waiting that lost: nobody must wait for the child as long as it runs.
  const over = new AbortController();
  const waiting = AbortSignal.any([signal, over.signal]);
  const exited = abortable(handle.exited, waiting).then((exit) => {
    throw new NodeError("CHILD_EXITED", `it ${describeExit(exit)} before it named its app cycle service`);
  });
  try {
    return await Promise.race([callback.value(APP_CYCLE_ADDRESS, waiting), exited]);
  } finally {
    over.abort();
  }
}
