import { compileGlob, isGlob, NodeError, parseName } from "@nodemanager/core";
import { ObjectStatus } from "@nodemanager/proto/v1";
import type { Invocation } from "../command.ts";
import { document, type Item, type Output } from "../output.ts";
import { managerItem } from "./manager-item.ts";
import { LIST_COLUMNS, listRow, STATUS_COLUMNS, statusRow } from "./object-rows.ts";

/** `ls`. */
export function ls({ args, session, signal }: Invocation): Output {
  const { operand } = args;
  const glob = checkGlob(operand);

  async function* items(): AsyncGenerator<Item> {
    const { applications } = await session.node();
    for await (const { object } of applications.list({ glob }, { signal })) {
      if (object) {
        yield { name: object.name, json: () => ObjectStatus.toJSON(object), cells: () => listRow(object) };
      }
    }
  }

  return { shape: "list", columns: LIST_COLUMNS, items: found(items(), operand), empty: emptyOf(operand) };
}

/** `status`. */
export async function status({ args, session, signal, io }: Invocation): Promise<Output> {
  const { operand } = args;
  if (operand === "nm") {
    const client = await session.node();
    return document(managerItem(await client.node.status({}, { signal }), io.now()));
  }
  const glob = checkGlob(operand);

  async function* items(): AsyncGenerator<Item> {
    const { applications } = await session.node();
    for await (const { object } of applications.status({ glob }, { signal })) {
      if (object) {
        yield { name: object.name, json: () => ObjectStatus.toJSON(object), cells: () => statusRow(object, io.now()) };
      }
    }
  }

  return { shape: "list", columns: STATUS_COLUMNS, items: found(items(), operand), empty: emptyOf(operand) };
}

/** What people read when there is nothing: on the node, or of what they asked for. */
function emptyOf(operand: string): string {
  return isGlob(operand) && operand !== "**" ? `nothing matches "${operand}"` : "nothing is installed";
}

/**
 * What to ask for: what was typed, or everything.
 *
 * @throws NodeError `INVALID_NAME` and the like
 */
export function checkGlob(text: string): string {
  if (isGlob(text)) {
    compileGlob(text);
  } else if (text !== "") {
    parseName(text);
  }
  return text;
}

/** Nothing for a glob is an answer; nothing for a name means that it is not there. */
async function* found(items: AsyncIterable<Item>, text: string): AsyncGenerator<Item> {
  let any = false;
  for await (const item of items) {
    any = true;
    yield item;
  }
  if (any || text === "" || isGlob(text) || text === "apps") {
    return;
  }
  const { kind } = parseName(text);
  throw new NodeError(
    kind === "instance"
      ? "INSTANCE_NOT_FOUND"
      : kind === "installation"
        ? "INSTALLATION_NOT_FOUND"
        : "APPLICATION_NOT_FOUND",
    `there is no ${text}`,
  );
}
