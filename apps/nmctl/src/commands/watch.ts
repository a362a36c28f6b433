import { WatchResponse, WatchResponse_Kind } from "@nodemanager/proto/v1";
import type { Invocation } from "../command.ts";
import type { Item, Output } from "../output.ts";
import { STATUS_COLUMNS, statusRow } from "./object-rows.ts";
import { checkGlob } from "./objects.ts";

const KINDS: Readonly<Record<number, string>> = {
  [WatchResponse_Kind.EXISTING]: "existing",
  [WatchResponse_Kind.CHANGED]: "changed",
  [WatchResponse_Kind.REMOVED]: "removed",
};

/** `watch`. */
export function watch({ args, session, signal, io }: Invocation): Output {
  const glob = checkGlob(args.operand);

  async function* items(): AsyncGenerator<Item> {
    const { applications } = await session.node();
    for await (const event of applications.watch({ glob }, { signal })) {
      const { kind, object } = event;
      if (object) {
        yield {
          name: object.name,
          json: () => WatchResponse.toJSON(event),
          cells: () => [KINDS[kind] ?? "", ...statusRow(object, io.now())],
        };
      }
    }
  }

  return { shape: "stream", columns: [{ title: "EVENT" }, ...STATUS_COLUMNS], items: items() };
}
