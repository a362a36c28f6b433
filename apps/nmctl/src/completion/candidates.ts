import { parseArgs } from "node:util";
import { type CommandSpec, type Completes, commandName, type OptionSpec } from "../grammar/command-spec.ts";
import { globalOptions } from "../spec/global-options.ts";
import { commands } from "../spec/table.ts";

/** What a shell is to offer for the last word. */
export type Candidates =
  | { readonly kind: "words"; readonly words: readonly Candidate[] }
  | { readonly kind: "files" | "directories" | "names" | "contexts" };

export interface Candidate {
  readonly word: string;
  readonly description?: string;
}

const NOTHING: Candidates = { kind: "words", words: [] };

/**
 * What fits as the last word of a command line that is being typed.
 *
 * @param words - after the name of the program; the last one may be empty or begun
 */
export function candidates(words: readonly string[]): Candidates {
  const before = words.slice(0, -1);
  const last = words.at(-1) ?? "";
  const { spec, group, operands } = locate(before);
  const options = [...(spec?.options ?? []), ...globalOptions];
  const pending = pendingOption(before, options);
  if (pending?.value) {
    return valueCandidates(pending);
  }
  if (last.startsWith("-") && !before.includes("--")) {
    const [begun] = last.split("=");
    const named = last.includes("=") ? options.find(({ name }) => `--${name}` === begun) : undefined;
    return named ? withPrefix(valueCandidates(named), `${begun}=`) : optionCandidates(options);
  }
  if (!spec) {
    return wordsOf(
      commands
        .filter(({ words: own }) => group === undefined || own[0] === group)
        .map(({ words: own, summary }) => {
          const isGroup = group === undefined && own.length > 1;
          return {
            word: own[group === undefined ? 0 : 1] ?? "",
            description: isGroup ? `${own[0]} commands` : summary,
          };
        }),
    );
  }
  const operand = spec.operands[operands] ?? spec.operands.findLast(({ repeated }) => repeated);
  return operand ? fromCompletes(operand.completes, before) : NOTHING;
}

/** Which command the words before the last one name, and how many operands it has already. */
function locate(before: readonly string[]): {
  readonly spec: CommandSpec | undefined;
  readonly group: string | undefined;
  readonly operands: number;
} {
  const [first, second] = positionals(before, globalOptions);
  const matching = commands.filter(({ words }) => words[0] === first);
  const spec = matching.find(
    ({ words, aliases }) =>
      words.length === 1 || words[1] === second || (second !== undefined && aliases?.includes(second)),
  );
  if (!spec) {
    return { spec, group: matching.length > 0 ? first : undefined, operands: 0 };
  }
  const given = positionals(before, [...spec.options, ...globalOptions]);
  return { spec, group: undefined, operands: given.length - spec.words.length };
}

function positionals(words: readonly string[], options: readonly OptionSpec[]): string[] {
  return parse(words, options).flatMap((token) => (token.kind === "positional" ? [token.value] : []));
}

/** The option whose value comes next. */
function pendingOption(before: readonly string[], options: readonly OptionSpec[]): OptionSpec | undefined {
  const last = parse(before, options).at(-1);
  return last?.kind === "option" && last.value === undefined
    ? options.find(({ name, value }) => value !== undefined && name === last.name)
    : undefined;
}

function parse(words: readonly string[], options: readonly OptionSpec[]) {
  const config = options.map(
    ({ name, short, value }) =>
      [name, { type: value ? "string" : "boolean", ...(short !== undefined && { short }) } as const] as const,
  );
  return parseArgs({
    args: [...words],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries(config),
  }).tokens;
}

function optionCandidates(options: readonly OptionSpec[]): Candidates {
  return wordsOf(
    options.map(({ name, help }) => ({ word: `--${name}`, description: help.split(/(?<=\.)\s/)[0] ?? "" })),
  );
}

function valueCandidates({ value }: OptionSpec): Candidates {
  if (value?.choices) {
    return wordsOf(value.choices.map((word) => ({ word })));
  }
  return value?.completes ? fromCompletes(value.completes, []) : NOTHING;
}

function fromCompletes(completes: Completes, before: readonly string[]): Candidates {
  switch (completes.kind) {
    case "words":
      return wordsOf(completes.words.map((word) => ({ word })));
    case "commands": {
      const given = positionals(before, globalOptions).slice(1);
      const [first] = given;
      const fitting = commands.filter(({ words }) =>
        first === undefined ? true : words.length > 1 && words[0] === first,
      );
      return wordsOf(
        given.length > 1
          ? []
          : fitting.map((spec) => ({ word: spec.words[given.length] ?? commandName(spec), description: spec.summary })),
      );
    }
    case "nothing":
      return NOTHING;
    default:
      return { kind: completes.kind };
  }
}

function withPrefix(given: Candidates, prefix: string): Candidates {
  return given.kind === "words"
    ? wordsOf(given.words.map(({ word, ...rest }) => ({ word: prefix + word, ...rest })))
    : given;
}

function wordsOf(words: readonly Candidate[]): Candidates {
  const unique = new Map(words.map((candidate) => [candidate.word, candidate]));
  return { kind: "words", words: [...unique.values()] };
}
