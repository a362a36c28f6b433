import { newId } from "@nodemanager/core";
import type { ObjectEvent } from "@nodemanager/proto/v1";
import type { Invocation } from "../command.ts";
import { usageError } from "../grammar/usage-error.ts";
import { type ManagerEvents, untilHealthy } from "../operation/await-manager.ts";
import { deadlineOf } from "../operation/deadline.ts";
import { type Ended, withoutNothingToDo } from "../operation/ended.ts";
import { merge } from "../operation/merge.ts";
import { eventsOf, report } from "../operation/report.ts";
import { checkTargets, findTargets } from "../operation/targets.ts";
import { checkName, isVerb, type OperationRequest, VERBS, type Verb } from "../operation/verbs.ts";
import type { Output } from "../output.ts";

const PARALLEL = 16;

/** `start`, `suspend`, `resume`, `restart`, `refresh`, `stop`, `uninstall`, `update`, `revert`. */
export function operate(invocation: Invocation): Output {
  const { args, command } = invocation;
  if (!isVerb(command)) {
    throw new Error(`${command} is not an operation on names`);
  }
  const verb: Verb = VERBS[command];
  const { single } = checkTargets(command, verb, args.operands);
  if (args.has("wait") && !(single && args.operand === "nm")) {
    throw usageError("--wait goes with nm alone; the others are waited for anyway");
  }
  const notForManager = ["restart", "dry-run", "version", "deadline"].find((option) => args.has(option));
  if (notForManager !== undefined && args.operands.includes("nm")) {
    // What has no effect there must not be taken for one that has.
    throw usageError(`--${notForManager} does not go with nm`);
  }
  if (args.has("request-id") && !single) {
    throw usageError("--request-id goes with one full name");
  }
  return report(events(command, verb, invocation), {
    ...invocation,
    verb: command,
    single,
    empty: `nothing to ${command}`,
    operands: args.operands,
    showChanges: args.has("dry-run"),
  });
}

/** `update-to`. */
export function updateTo(invocation: Invocation): Output {
  const { args, session, signal } = invocation;
  const [name = "", origin = ""] = args.operands;
  const { single } = checkName("update-to", VERBS.update, name);
  const request = requestOf(invocation);

  async function* updates(): AsyncGenerator<ObjectEvent | Ended> {
    const { applications } = await session.node();
    const { restart, requestId, dryRun, deadline } = request;
    const call = () => applications.updateTo({ name, origin, restart, requestId, dryRun, deadline }, { signal });
    yield* eventsOf(name, call, signal);
  }

  return report(updates(), {
    ...invocation,
    verb: "update-to",
    single,
    empty: "nothing to update",
    operands: [name],
    showChanges: request.dryRun,
  });
}

async function* events(command: string, verb: Verb, invocation: Invocation): AsyncGenerator<ObjectEvent | Ended> {
  const { args, session, signal } = invocation;
  const client = await session.node();
  const request = requestOf(invocation);
  const options = { signal };
  const { names, single } = await findTargets(command, verb, args.operands, client, options);
  const calls = names.map((name) => {
    const { manager } = verb;
    const call = () =>
      name === "nm" && manager
        ? moveOf(manager(client, request, options), request.requestId, invocation)
        : verb.call(client, name, request, options);
    return () => eventsOf(name, call, signal);
  });
  const all = merge(calls, args.number("parallel") ?? PARALLEL);
  yield* single ? all : withoutNothingToDo(all);
}

/** A move of the manager, which is over when it is acknowledged, or with `--wait` when the other version is healthy. */
function moveOf(events: ManagerEvents, requestId: string, { args, session, signal }: Invocation): ManagerEvents {
  const reconnect = () => session.reconnect();
  return args.has("wait") ? untilHealthy(events, { requestId, reconnect, signal }) : events;
}

function requestOf({ args }: Invocation): OperationRequest {
  return {
    deadline: deadlineOf(args),
    restart: args.has("restart"),
    // By it a move is known to the manager that comes after it.
    requestId: args.text("request-id") ?? (args.has("wait") ? newId() : ""),
    dryRun: args.has("dry-run"),
    version: args.text("version") ?? "",
  };
}
