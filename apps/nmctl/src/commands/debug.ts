import { parseName } from "@nodemanager/core";
import { DebugResponse } from "@nodemanager/proto/v1";
import type { Invocation } from "../command.ts";
import { document, type Output } from "../output.ts";
import { printable } from "../render/printable.ts";

/** `debug`. */
export async function debug({ args, session, signal }: Invocation): Promise<Output> {
  const name = args.operand;
  parseName(name);
  const { applications } = await session.node();
  const response = await applications.debug({ name }, { signal });
  return document({
    name,
    json: () => DebugResponse.toJSON(response),
    text: () => response.text.split("\n").map(printable).join("\n"),
  });
}
