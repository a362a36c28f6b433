import type { ExitStatus, ProcessIdentity } from "@nodemanager/core";
import * as v from "valibot";

/** What is in the documents below a root, one schema a kind. A `schemaVersion` is in each and checked by the reader. */

const date = v.pipe(
  v.string(),
  v.isoTimestamp("is not a time"),
  v.transform((text) => new Date(text)),
  v.check((time) => !Number.isNaN(time.getTime()), "is not a time"),
);
const requestId = v.optional(v.string());
const natural = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

// pid 0 would mean our own process group to kill(2).
const processIdentity: v.GenericSchema<ProcessIdentity> = v.object({
  pid: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  startTicks: natural,
  bootId: v.pipe(v.string(), v.nonEmpty()),
});

const exitStatus: v.GenericSchema<ExitStatus> = v.variant("kind", [
  v.object({ kind: v.literal("code"), code: natural }),
  v.object({ kind: v.literal("signal"), signal: v.string() }),
  v.object({ kind: v.literal("unseen") }),
]);

export const formatDocument = v.looseObject({ format: natural });

export const lockDocument = v.looseObject({
  /** Absent: nobody. */
  holder: v.optional(processIdentity),
  /** Tells two locks of one generation apart. */
  nonce: v.string(),
});

export const titleDocument = v.looseObject({ title: v.string() });

export const settingsDocument = v.looseObject({
  title: v.string(),
  requestId,
  installedAt: date,
  env: v.record(v.string(), v.string()),
  args: v.array(v.string()),
});

export const originDocument = v.looseObject({ origin: v.string() });

export const instanceDocument = v.looseObject({ createdAt: date, requestId });

export const launchDocument = v.looseObject({
  attempt: v.pipe(v.string(), v.nonEmpty()),
  process: processIdentity,
  startedAt: date,
  cgroup: v.optional(v.string()),
  lifeline: v.optional(v.boolean()),
  requestId,
});

/** What is linked as `info` when an instance without a process is stopped: it keeps launches out. */
export const stopClaimDocument = v.looseObject({ stop: v.literal(true) });

export const readyDocument = v.looseObject({
  attempt: v.string(),
  at: date,
  appCycleAddress: v.optional(v.string()),
});

export const suspensionDocument = v.looseObject({
  by: v.picklist(["operator", "manager", "exit"]),
  why: v.string(),
  at: date,
  requestId,
});

export const lastExitDocument = v.looseObject({ exit: exitStatus, at: date, lastLines: v.string() });

export const stoppedDocument = v.looseObject({ at: date, requestId });

export const healthyDocument = v.looseObject({ at: date });
