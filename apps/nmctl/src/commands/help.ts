import type { Invocation } from "../command.ts";
import { usageError } from "../grammar/usage-error.ts";
import { manual } from "../help/manual.ts";
import { document, type Output } from "../output.ts";
import { commands } from "../spec/table.ts";

/** `help`. */
export function help({ args }: Invocation): Output {
  const words = args.operands;
  const matching = commands.filter(({ words: own }) => words.every((word, index) => own[index] === word));
  const exact = matching.find(({ words: own }) => own.length === words.length);
  if (matching.length === 0) {
    throw usageError(`there is no command ${JSON.stringify(words.join(" "))}`);
  }
  const text = words.length > 0 && exact ? manual(exact) : manual(undefined, words);
  return document({ name: words.join(" "), json: () => ({ text }), text: () => text });
}
