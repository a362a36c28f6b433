import type { Duration } from "@nodemanager/proto";
import { durationMessage } from "@nodemanager/transport";
import type { Arguments } from "../grammar/arguments.ts";

/** The value of `--deadline` as the protocol has it; nothing for nothing. */
export function deadlineOf(args: Arguments): Duration | undefined {
  const ms = args.number("deadline");
  return ms === undefined ? undefined : durationMessage(ms);
}
