import { type ObjectName, parseName } from "@nodemanager/core";
import type { Duration } from "@nodemanager/proto";
import { type ObjectEvent, ObjectState, type ObjectStatus } from "@nodemanager/proto/v1";
import type { NodeClient } from "@nodemanager/rpc/client";
import { usageError } from "../grammar/usage-error.ts";

/** What a call is made with, beside the name. */
export interface OperationRequest {
  readonly deadline: Duration | undefined;
  readonly restart: boolean;
  readonly dryRun: boolean;
  /** Empty for the highest one. */
  readonly version: string;
  readonly requestId: string;
}

/** What every call takes. */
export interface CallOptions {
  readonly signal: AbortSignal;
}

type Events = AsyncIterable<{ readonly event?: ObjectEvent | undefined }>;

/** One operation on objects: what it applies to, and how it is called. */
export interface Verb {
  readonly kinds: readonly ("installation" | "instance")[];
  /** In which states, for globs; a name is left to the node to judge. */
  readonly states: readonly ObjectState[];
  /** Whether the manager itself can be meant, by `nm`. */
  readonly manager?: (client: NodeClient, request: OperationRequest, options: CallOptions) => Events;
  readonly call: (client: NodeClient, name: string, request: OperationRequest, options: CallOptions) => Events;
}

const { INSTALLED, UNINSTALLING, SUSPENDED, STARTING, RUNNING, SUSPENDING, STOPPING, BROKEN } = ObjectState;
const LIVING = [SUSPENDED, STARTING, RUNNING, SUSPENDING, STOPPING];

/** The commands that work on names. */
export const VERBS = {
  start: {
    kinds: ["installation"],
    states: [INSTALLED],
    call: (client, name, { requestId }, options) => client.applications.start({ name, requestId }, options),
  },
  suspend: {
    kinds: ["instance"],
    states: [STARTING, RUNNING, SUSPENDING],
    call: (client, name, { deadline, requestId }, options) =>
      client.applications.suspend({ name, deadline, requestId }, options),
  },
  resume: {
    kinds: ["instance"],
    states: [SUSPENDED],
    call: (client, name, { requestId }, options) => client.applications.resume({ name, requestId }, options),
  },
  restart: {
    kinds: ["instance"],
    states: [STARTING, RUNNING],
    call: (client, name, { deadline, requestId }, options) =>
      client.applications.restart({ name, deadline, requestId }, options),
  },
  refresh: {
    kinds: ["installation", "instance"],
    states: [INSTALLED, ...LIVING, BROKEN],
    call: (client, name, _, options) => client.applications.refresh({ name }, options),
  },
  stop: {
    kinds: ["instance"],
    states: LIVING,
    call: (client, name, { deadline, requestId }, options) =>
      client.applications.stop({ name, deadline, requestId }, options),
  },
  uninstall: {
    kinds: ["installation"],
    states: [INSTALLED, UNINSTALLING],
    call: (client, name, { deadline, requestId }, options) =>
      client.applications.uninstall({ name, deadline, requestId }, options),
  },
  update: {
    kinds: ["installation", "instance"],
    states: [INSTALLED, ...LIVING],
    manager: (client, { requestId }, options) => client.node.update({ requestId }, options),
    call: (client, name, { restart, requestId, dryRun, version, deadline }, options) =>
      client.applications.update({ name, restart, requestId, dryRun, version, deadline }, options),
  },
  revert: {
    kinds: ["installation", "instance"],
    states: [INSTALLED, ...LIVING],
    manager: (client, { requestId }, options) => client.node.revert({ requestId }, options),
    call: (client, name, { restart, requestId, deadline }, options) =>
      client.applications.revert({ name, restart, requestId, deadline }, options),
  },
} as const satisfies Readonly<Record<string, Verb>>;

/** Whether the text is the name of one of {@link VERBS}. */
export function isVerb(text: string): text is keyof typeof VERBS {
  return Object.hasOwn(VERBS, text);
}

/** Whether a verb works on an object, as it is now. */
export function appliesTo(verb: Verb, object: ObjectStatus): boolean {
  return isOfKind(verb, object.name) && verb.states.includes(object.state);
}

/** Whether a verb works on objects of this kind. */
export function isOfKind(verb: Verb, name: string): boolean {
  const { kind } = parseName(name);
  return verb.kinds.some((applicable) => applicable === kind);
}

/**
 * Checks that a verb can mean a name, before anybody is called.
 *
 * @returns whether the name is full, so that one object is meant
 * @throws NodeError `INVALID_NAME` and the like; `INVALID_ARGUMENT` when the verb has no use for it
 */
export function checkName(verbName: string, verb: Verb, text: string): { readonly single: boolean } {
  const name: ObjectName = parseName(text);
  if (name.kind === "manager") {
    if (!verb.manager) {
      throw usageError(`${verbName} does not apply to the manager; it takes ${kindsOf(verb)}`);
    }
    return { single: true };
  }
  const single = verb.kinds.some((kind) => kind === name.kind);
  if (name.kind === "instance" && !single) {
    throw usageError(`${verbName} does not apply to an instance; it takes ${kindsOf(verb)}`);
  }
  return { single };
}

function kindsOf(verb: Verb): string {
  return [
    ...verb.kinds.map((kind) => (kind === "instance" ? "instances" : "installations")),
    "what is above them",
  ].join(", ");
}
