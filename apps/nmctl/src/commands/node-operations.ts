import type { ObjectEvent } from "@nodemanager/proto/v1";
import type { NodeClient } from "@nodemanager/rpc/client";
import type { Invocation } from "../command.ts";
import { usageError } from "../grammar/usage-error.ts";
import { deadlineOf } from "../operation/deadline.ts";
import type { Ended } from "../operation/ended.ts";
import { eventsOf, report } from "../operation/report.ts";
import type { Output } from "../output.ts";

/** `reset`. */
export function reset(invocation: Invocation): Output {
  const { args, signal } = invocation;
  if (!args.has("yes")) {
    throw usageError("reset stops and uninstalls everything on the node; say --yes if you mean it");
  }
  const request = { deadline: deadlineOf(args), requestId: args.text("request-id") ?? "" };
  return operateOnNode(invocation, "reset", ({ node }) => node.reset(request, { signal }));
}

/** `shutdown`. */
export function shutdown(invocation: Invocation): Output {
  const { args, signal } = invocation;
  const request = { deadline: deadlineOf(args) };
  return operateOnNode(invocation, "shutdown", ({ node }) => node.shutdown(request, { signal }));
}

function operateOnNode(
  invocation: Invocation,
  verb: string,
  call: (client: NodeClient) => AsyncIterable<{ readonly event?: ObjectEvent | undefined }>,
): Output {
  const { session, signal } = invocation;

  async function* events(): AsyncGenerator<ObjectEvent | Ended> {
    const client = await session.node();
    yield* eventsOf("nm", () => call(client), signal);
  }

  return report(events(), { ...invocation, verb, single: false, operands: ["nm"] });
}
