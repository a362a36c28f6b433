import { type Account, type ExitStatus, type ProcessIdentity, packagesSchema } from "@nodemanager/core";
import * as v from "valibot";
import { isVersionDirName } from "./paths.ts";

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

// Root is nobody's account: it is said by leaving the account out. -1 means "as it is" to chown(2).
const uid = v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(2 ** 32 - 2));
const gid = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(2 ** 32 - 2));
const account: v.GenericSchema<Account> = v.variant("kind", [
  v.object({ kind: v.literal("own"), uid, gid }),
  v.object({ kind: v.literal("named"), name: v.pipe(v.string(), v.nonEmpty()), uid, gid }),
]);

export const formatDocument = v.object({ format: natural });

export const lockDocument = v.object({
  /** Absent: nobody. */
  holder: v.optional(processIdentity),
  /** Tells two locks of one generation apart. */
  nonce: v.string(),
});

export const titleDocument = v.object({ title: v.string() });

export const settingsDocument = v.object({
  title: v.string(),
  requestId,
  installedAt: date,
  env: v.record(v.string(), v.string()),
  args: v.array(v.string()),
  packages: v.optional(packagesSchema),
  /** Absent: the manager's own user. */
  account: v.optional(account),
});

export const originDocument = v.object({ origin: v.string() });

export const instanceDocument = v.object({ createdAt: date, requestId });

export const launchDocument = v.object({
  attempt: v.pipe(v.string(), v.nonEmpty()),
  process: processIdentity,
  startedAt: date,
  cgroup: v.optional(v.string()),
  lifeline: v.optional(v.boolean()),
  requestId,
});

/** What is linked as `info` when an instance without a process is stopped: it keeps launches out. */
export const stopClaimDocument = v.object({ stop: v.literal(true) });

export const readyDocument = v.object({
  attempt: v.string(),
  at: date,
  appCycleAddress: v.optional(v.string()),
});

export const suspensionDocument = v.object({
  by: v.picklist(["operator", "manager", "exit"]),
  why: v.string(),
  at: date,
  requestId,
});

export const lastExitDocument = v.object({ exit: exitStatus, at: date, lastLines: v.string() });

const versionName = v.pipe(v.string(), v.check(isVersionDirName, "is no version"));

export const moveDocument = v.object({
  from: versionName,
  to: versionName,
  at: date,
  requestId,
  trial: v.optional(v.boolean()),
});

export const stoppedDocument = v.object({ at: date, requestId });

export const uninstallDocument = v.object({ at: date, requestId });

export const healthyDocument = v.object({ at: date });

/** Who runs a version of the manager on trial. */
export const trialDocument = v.object({
  process: processIdentity,
  launchId: v.string(),
  cgroup: v.optional(v.string()),
});

/** Why a start of a version of the manager failed; the last one. */
export const failureDocument = v.object({ at: date, reason: v.string(), message: v.string() });

/** Written by the start script. */
export const fellBackDocument = v.object({ at: date, starts: natural });

export const managerMoveDocument = v.object({
  kind: v.picklist(["update", "revert"]),
  from: v.string(),
  fromVersion: v.string(),
  to: v.string(),
  toVersion: v.string(),
  at: date,
  requestId,
});
