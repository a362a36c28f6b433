import { TidyResponse } from "@nodemanager/proto/v1";
import { durationMessage } from "@nodemanager/transport";
import type { Invocation } from "../command.ts";
import { document, type Output } from "../output.ts";
import { megabytes } from "../render/fields.ts";
import { printable } from "../render/printable.ts";

/** `tidy`. */
export async function tidy({ args, session, signal, terminal }: Invocation): Promise<Output> {
  const { applications } = await session.node();
  const dryRun = args.has("dry-run");
  const ms = args.number("older-than");
  const olderThan = ms === undefined ? undefined : durationMessage(ms);
  const response = await applications.tidy({ dryRun, olderThan }, { signal });
  terminal.say(`${dryRun ? "would free" : "freed"} ${megabytes(response.freedBytes)}`);
  const lines = response.removed.map(printable).join("\n");
  return lines === "" && response.freedBytes === 0n
    ? { ...document({ name: "", json: () => TidyResponse.toJSON(response), text: () => new Uint8Array() }) }
    : document({ name: lines, json: () => TidyResponse.toJSON(response), text: () => lines });
}
