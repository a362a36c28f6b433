import { parseName } from "@nodemanager/core";
import type { Invocation } from "../command.ts";
import { usageError } from "../grammar/usage-error.ts";
import { eventsOf, report } from "../operation/report.ts";
import type { Output } from "../output.ts";

/** `diff`. */
export function diff(invocation: Invocation): Output {
  const { args, session, signal } = invocation;
  const [name = "", version = ""] = args.operands;
  if (parseName(name).kind !== "installation") {
    throw usageError(`diff takes an installation, not ${JSON.stringify(name)}`);
  }
  async function* events() {
    const { applications } = await session.node();
    yield* eventsOf(name, () => applications.update({ name, version, dryRun: true }, { signal }), signal);
  }
  return report(events(), { ...invocation, verb: "diff", single: true, operands: [name], showChanges: true });
}
