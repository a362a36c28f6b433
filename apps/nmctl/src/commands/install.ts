import type { ObjectEvent } from "@nodemanager/proto/v1";
import { packageMessages } from "@nodemanager/transport";
import type { Invocation } from "../command.ts";
import { parsePackageReferences } from "../grammar/package-reference.ts";
import type { Ended } from "../operation/ended.ts";
import { eventsOf, report } from "../operation/report.ts";
import type { Output } from "../output.ts";

/** `install`. */
export function install(invocation: Invocation): Output {
  const { args, session, signal } = invocation;
  const origin = args.operand;
  const packages = packageMessages(parsePackageReferences(args.assignments("package")));

  async function* events(): AsyncGenerator<ObjectEvent | Ended> {
    const { applications } = await session.node();
    const request = {
      origin,
      env: args.assignments("env"),
      args: args.texts("arg"),
      packages,
      user: args.text("user") ?? "",
      sameUser: args.has("same-user"),
      requestId: args.text("request-id") ?? "",
    };
    yield* eventsOf(origin, () => applications.install(request, { signal }), signal);
  }

  return report(events(), { ...invocation, verb: "install", single: true });
}
