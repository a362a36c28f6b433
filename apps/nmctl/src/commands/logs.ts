import { parseName } from "@nodemanager/core";
import { LogStream, ReadLogsResponse } from "@nodemanager/proto/v1";
import type { Invocation } from "../command.ts";
import { usageError } from "../grammar/usage-error.ts";
import type { Item, Output } from "../output.ts";

const STREAMS: Readonly<Record<string, LogStream>> = { stdout: LogStream.STDOUT, stderr: LogStream.STDERR };

/** `logs`. */
export function logs({ args, session, signal }: Invocation): Output {
  const name = args.operand;
  if (parseName(name).kind !== "instance") {
    throw usageError(`logs takes the name of an instance, not ${JSON.stringify(name)}`);
  }
  const request = {
    name,
    stream: STREAMS[args.text("stream") ?? ""] ?? LogStream.UNSPECIFIED,
    follow: args.has("follow"),
    tailLines: args.number("lines"),
  };

  async function* items(): AsyncGenerator<Item> {
    const { applications } = await session.node();
    for await (const chunk of applications.readLogs(request, { signal })) {
      yield { name, json: () => ReadLogsResponse.toJSON(chunk), text: () => chunk.data };
    }
  }

  return { shape: "stream", items: items() };
}
