import { setTimeout as sleep } from "node:timers/promises";
import { hasReason, NodeError } from "@nodemanager/core";
import {
  type ManagerUpdate,
  type ObjectEvent,
  type Outcome,
  ManagerUpdate_State as State,
} from "@nodemanager/proto/v1";
import type { NodeClient } from "@nodemanager/rpc/client";

const POLL_MIN_MS = 100;
const POLL_MAX_MS = 1000;
/** A node that has just gone away may leave a call without an answer. */
const STATUS_TIMEOUT_MS = 5000;

/** What a move of the manager answers. */
export type ManagerEvents = AsyncIterable<{ readonly event?: ObjectEvent | undefined }>;

/** What a move of the manager is waited for with. */
export interface AwaitOptions {
  /** Of the call: by it the manager that comes next knows the move. */
  readonly requestId: string;
  /** Connects anew: what was connected to is gone. */
  readonly reconnect: () => Promise<NodeClient>;
  readonly signal: AbortSignal;
}

/**
 * The events of a move of the manager, whose outcome comes only when the version that it moved to is healthy.
 *
 * @throws NodeError what the call fails with; `UPDATE_FAILED` when the version before it runs again
 */
export async function* untilHealthy(move: ManagerEvents, o: AwaitOptions): ManagerEvents {
  let changes: Outcome["changes"] = [];
  let phase = "";
  try {
    for await (const { event } of move) {
      if (event?.event?.$case === "outcome") {
        changes = event.event.value.changes;
      } else if (event) {
        phase = event.event?.$case === "progress" ? event.event.value.phase : phase;
        yield { event };
      }
    }
  } catch (error) {
    // The link was switched, and the manager gone before its last word came through.
    if (!(hasReason(error, "NODE_UNAVAILABLE") && phase === "restarting")) {
      throw error;
    }
  }
  for await (const waitingFor of untilMoved(o)) {
    yield { event: progress(waitingFor) };
  }
  // What is started next was the note of a manager that has long gone.
  yield { event: { name: "nm", event: { $case: "outcome", value: { name: "nm", note: "it is healthy", changes } } } };
}

/** Looks again and again until the move has come to an end, and says what it waits for. */
async function* untilMoved(o: AwaitOptions): AsyncGenerator<string> {
  let said = "";
  for (let pollMs = POLL_MIN_MS; ; pollMs = Math.min(pollMs * 1.5, POLL_MAX_MS)) {
    const update = await lastUpdate(o);
    if (update?.state === State.HEALTHY) {
      return;
    }
    if (update?.state === State.FELL_BACK) {
      throw new NodeError(
        "UPDATE_FAILED",
        `version ${update.fromVersion} runs again, because of ${update.toVersion} ${update.why}`,
        { metadata: { from: update.fromVersion, to: update.toVersion, why: update.why } },
      );
    }
    const waitingFor = update ? "becoming healthy" : "waiting for it to serve again";
    if (said !== waitingFor) {
      said = waitingFor;
      yield waitingFor;
    }
    await sleep(pollMs, undefined, { signal: o.signal });
  }
}

/** What the manager that serves now says of the move; nothing when none does, or when it is still the one before. */
async function lastUpdate({ requestId, reconnect, signal }: AwaitOptions): Promise<ManagerUpdate | undefined> {
  try {
    const { node } = await reconnect();
    const { lastUpdate } = await node.status({}, { signal, timeoutMs: STATUS_TIMEOUT_MS });
    return lastUpdate?.requestId === requestId ? lastUpdate : undefined;
  } catch (error) {
    if (!signal.aborted && hasReason(error, "NODE_UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED")) {
      return undefined;
    }
    throw error;
  }
}

function progress(phase: string): ObjectEvent {
  return { name: "nm", event: { $case: "progress", value: { phase, done: 0n, goal: 0n, unit: "" } } };
}
