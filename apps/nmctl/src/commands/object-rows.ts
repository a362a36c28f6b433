import { describeExit, type ExitStatus } from "@nodemanager/core";
import {
  type InstanceStatus,
  type LastExit,
  ObjectState,
  type ObjectStatus,
  objectStateToJSON,
} from "@nodemanager/proto/v1";
import { age } from "../age.ts";
import type { Cell, Column, Tone } from "../output.ts";

/** What `ls` shows. */
export const LIST_COLUMNS: readonly Column[] = [
  { title: "NAME" },
  { title: "STATE" },
  { title: "VERSION", optional: 1 },
];

/** What `status` and `watch` show. */
export const STATUS_COLUMNS: readonly Column[] = [
  { title: "NAME" },
  { title: "STATE" },
  { title: "VERSION", optional: 1 },
  { title: "PID", optional: 2 },
  { title: "SINCE", optional: 3 },
  { title: "DETAIL", optional: 4 },
];

const TONES: Readonly<Partial<Record<ObjectState, Tone>>> = {
  [ObjectState.RUNNING]: "good",
  [ObjectState.BROKEN]: "bad",
  [ObjectState.STARTING]: "busy",
  [ObjectState.SUSPENDING]: "busy",
  [ObjectState.STOPPING]: "busy",
  [ObjectState.UNINSTALLING]: "busy",
  [ObjectState.SUSPENDED]: "quiet",
  [ObjectState.STOPPED]: "quiet",
  [ObjectState.UNINSTALLED]: "quiet",
};

/** A row for {@link LIST_COLUMNS}. */
export function listRow(object: ObjectStatus): readonly Cell[] {
  return [object.name, state(object), version(object)];
}

/** A row for {@link STATUS_COLUMNS}. */
export function statusRow(object: ObjectStatus, now: number): readonly Cell[] {
  const { object: kind } = object;
  const instance = kind?.$case === "instance" ? kind.value : undefined;
  const pid = instance?.pid === undefined ? "" : String(instance.pid);
  return [object.name, state(object), version(object), pid, age(since(object), now), detail(object)];
}

function state({ state: current, object }: ObjectStatus): Cell {
  // An application is there or not; it has no state.
  const text =
    current === ObjectState.UNSPECIFIED
      ? object?.$case === "application"
        ? ""
        : "unknown"
      : objectStateToJSON(current).replace("OBJECT_STATE_", "").toLowerCase();
  const tone = TONES[current];
  return tone ? { text, tone } : text;
}

function version({ object }: ObjectStatus): string {
  return object?.$case === "installation" || object?.$case === "instance" ? object.value.version : "";
}

function since({ object }: ObjectStatus): Date | undefined {
  switch (object?.$case) {
    case "installation":
      return object.value.installedAt;
    case "instance":
      return (
        object.value.startedAt ?? object.value.suspension?.at ?? object.value.lastExit?.at ?? object.value.createdAt
      );
    default:
      return undefined;
  }
}

function detail({ error, object }: ObjectStatus): string {
  if (error !== "") {
    return error;
  }
  switch (object?.$case) {
    case "application":
      return count(object.value.installations, "installation");
    case "installation": {
      const { instances, running, origin, previousVersion, user } = object.value;
      const as = user === "" ? "" : `, as user ${user}`;
      const previous = previousVersion === "" ? "" : `, before it ${previousVersion}`;
      return `${count(instances, "instance")}, ${running} running${as}, from ${origin}${previous}`;
    }
    case "instance":
      return instanceDetail(object.value);
    default:
      return "";
  }
}

function instanceDetail({ suspension, lastExit }: InstanceStatus): string {
  const exit = lastExit && exitStatus(lastExit);
  const parts = [
    suspension ? `by ${suspension.by}: ${suspension.why}` : "",
    exit ? `its last process ${describeExit(exit)}` : "",
  ];
  return parts.filter((part) => part !== "").join("; ");
}

function exitStatus({ how }: LastExit): ExitStatus | undefined {
  switch (how?.$case) {
    case "code":
      return { kind: "code", code: how.value };
    case "signal":
      return { kind: "signal", signal: how.value };
    case "unseen":
      return { kind: "unseen" };
    default:
      return undefined;
  }
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
