import { compileGlob, isGlob, NodeError } from "@nodemanager/core";
import type { NodeClient } from "@nodemanager/rpc/client";
import { appliesTo, type CallOptions, checkName, isOfKind, type Verb } from "./verbs.ts";

/** The names that an operation is called with. */
export interface Targets {
  readonly names: readonly string[];
  /** Whether one object was meant by its full name, so that its failure is the command's. */
  readonly single: boolean;
}

/**
 * Checks what was typed, before anybody is called.
 *
 * @throws NodeError `INVALID_NAME` and the like, `INVALID_ARGUMENT`
 */
export function checkTargets(verbName: string, verb: Verb, texts: readonly string[]): { readonly single: boolean } {
  const checked = texts.map((text) => {
    if (!isGlob(text)) {
      return checkName(verbName, verb, text);
    }
    compileGlob(text);
    return { single: false };
  });
  return { single: checked.length === 1 && checked[0]?.single === true };
}

/**
 * The names that are meant, each once, in the order in which they were typed. A glob means, as a partial name does,
 * everything below what it matches that the verb applies to as it is now.
 *
 * @throws NodeError `INSTANCE_NOT_FOUND` or `INSTALLATION_NOT_FOUND` when a glob matches nothing of the verb's kinds
 */
export async function findTargets(
  verbName: string,
  verb: Verb,
  texts: readonly string[],
  client: NodeClient,
  options: CallOptions,
): Promise<Targets> {
  const { single } = checkTargets(verbName, verb, texts);
  const expanded = await Promise.all(
    texts.map((text) => (isGlob(text) ? expand(verbName, verb, text, client, options) : [text])),
  );
  return { names: [...new Set(expanded.flat())], single };
}

async function expand(
  verbName: string,
  verb: Verb,
  glob: string,
  client: NodeClient,
  options: CallOptions,
): Promise<string[]> {
  const names: string[] = [];
  let seen = 0;
  // A verb of two kinds takes what matches and no more: the instances of an installation are not updated with it.
  const pattern = verb.kinds.length > 1 ? glob : `${glob}/**`;
  for await (const { object } of client.applications.list({ glob: pattern }, options)) {
    if (object && isOfKind(verb, object.name)) {
      seen++;
      if (appliesTo(verb, object)) {
        names.push(object.name);
      }
    }
  }
  if (seen === 0) {
    throw new NodeError(
      verb.kinds.includes("instance") ? "INSTANCE_NOT_FOUND" : "INSTALLATION_NOT_FOUND",
      `${JSON.stringify(glob)} matches nothing that ${verbName} applies to`,
    );
  }
  return names;
}
