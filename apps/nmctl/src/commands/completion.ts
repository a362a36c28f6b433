import type { Invocation } from "../command.ts";
import { candidates } from "../completion/candidates.ts";
import { COMPLETION_SCRIPTS } from "../completion/scripts.ts";
import { readContexts } from "../connection/context-file.ts";
import { Session } from "../connection/session.ts";
import { globalArguments } from "../grammar/command-line.ts";
import { usageError } from "../grammar/usage-error.ts";
import { document, type Output } from "../output.ts";

// Somebody waits for this at every press of the key.
const NAMES_TIMEOUT_MS = 2000;
const NAMES_MAX = 1000;

/** `completion`. */
export function completion({ args }: Invocation): Output {
  const shell = args.operand;
  const script = Object.hasOwn(COMPLETION_SCRIPTS, shell) ? COMPLETION_SCRIPTS[shell] : undefined;
  if (script === undefined) {
    throw usageError(
      `there is no completion for ${JSON.stringify(shell)}; there is one for ${Object.keys(COMPLETION_SCRIPTS).join(", ")}`,
    );
  }
  return document({ name: shell, json: () => ({ shell, script }), text: () => script });
}

/** `__complete`, which the scripts call: what fits as the last of the given words. */
export async function complete(invocation: Invocation): Promise<Output> {
  const words = invocation.args.operands;
  const last = words.at(-1) ?? "";
  const found = candidates(words);
  let kind: string = found.kind;
  let lines: string[];
  switch (found.kind) {
    case "words":
      lines = found.words.map(({ word, description }) =>
        description === undefined ? word : `${word}\t${description}`,
      );
      break;
    case "contexts":
      kind = "words";
      lines = Object.entries((await readContexts(invocation.io.env)).contexts).map(
        ([name, { node }]) => `${name}\t${node}`,
      );
      break;
    case "names":
      kind = "words";
      lines = await names(invocation);
      break;
    case "files":
    case "directories":
      lines = [];
  }
  const text = [kind, ...lines.filter((line) => line.startsWith(last))].join("\n");
  return document({ name: text, json: () => ({ kind, words: lines }), text: () => text });
}

/** The names of what is there, and of what is above it; nothing when the node does not say so at once. */
async function names({ args, io, signal }: Invocation): Promise<string[]> {
  const found = new Set(["apps"]);
  // The node of the command line that is being typed.
  using session = new Session(globalArguments(args.operands), io, signal);
  try {
    const { applications } = await session.node();
    for await (const { object } of applications.list({ glob: "**" }, { signal, timeoutMs: NAMES_TIMEOUT_MS })) {
      if (object) {
        found.add(object.name);
      }
      if (found.size >= NAMES_MAX) {
        break;
      }
    }
  } catch {
    // There is no place to say anything in.
  }
  return [...found];
}
