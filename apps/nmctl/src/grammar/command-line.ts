import { parseArgs } from "node:util";
import { NodeError } from "@nodemanager/core";
import { globalOptions } from "../spec/global-options.ts";
import { commands, hiddenCommands } from "../spec/table.ts";
import { Arguments, type OptionValueGiven } from "./arguments.ts";
import { type CommandSpec, commandName, type OptionSpec } from "./command-spec.ts";
import { parseDuration } from "./duration.ts";
import { nearest } from "./nearest.ts";
import { usageError } from "./usage-error.ts";

/** What a command line means. */
export interface CommandLine {
  /** Absent for `nmctl --help` and for `nmctl` alone. */
  readonly spec: CommandSpec | undefined;
  /** Whether help was asked for; then the arguments were not checked. */
  readonly help: boolean;
  readonly args: Arguments;
}

/**
 * Reads a command line, without the name of the program. Global options may be anywhere before `--`.
 *
 * @throws NodeError `INVALID_ARGUMENT`
 */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const first = nextWord(argv);
  if (!first) {
    const parsed = tokensOf(argv, globalOptions);
    return { spec: undefined, help: true, args: new Arguments([], valuesOf(parsed, globalOptions, undefined)) };
  }
  let rest = argv.toSpliced(first.index, 1);
  let candidates = [...commands, ...hiddenCommands].filter(({ words }) => words[0] === first.word);
  if (candidates.length === 0) {
    throw usageError(`there is no command ${JSON.stringify(first.word)}${suggestion(first.word, commandWords())}`);
  }
  if (candidates.some(({ words }) => words.length > 1)) {
    const second = nextWord(rest);
    const matching =
      second && candidates.filter(({ words, aliases }) => [words[1], ...(aliases ?? [])].includes(second.word));
    if (!second || !matching?.length) {
      if (wantsHelp(rest)) {
        return { spec: undefined, help: true, args: new Arguments([first.word], new Map()) };
      }
      const known = candidates.map(({ words }) => words[1] ?? "");
      throw usageError(
        second
          ? `there is no command "${first.word} ${second.word}"${suggestion(second.word, known)}`
          : `${first.word} needs one of the words ${known.join(", ")}`,
      );
    }
    rest = rest.toSpliced(second.index, 1);
    candidates = matching;
  }
  const [spec] = candidates;
  if (!spec) {
    throw usageError(`there is no command ${JSON.stringify(first.word)}`);
  }
  if (wantsHelp(rest, spec)) {
    return { spec, help: true, args: new Arguments([], new Map()) };
  }
  try {
    return { spec, help: false, args: argumentsOf(spec, rest) };
  } catch (error) {
    // So that it can be said where it is explained.
    throw error instanceof NodeError ? usageError(error.message, commandName(spec)) : error;
  }
}

function argumentsOf(spec: CommandSpec, argv: readonly string[]): Arguments {
  const options = [...spec.options, ...globalOptions];
  const tokens = tokensOf(argv, options);
  const values = valuesOf(tokens, options, spec);
  const operands = tokens.flatMap((token) => (token.kind === "positional" ? [token.value] : []));
  checkOperands(operands, spec);
  return new Arguments(operands, values);
}

/** The global options of a command line that may be unfinished; what is wrong with it is ignored. */
export function globalArguments(argv: readonly string[]): Arguments {
  const values = new Map<string, OptionValueGiven[]>();
  for (const token of tokensOf(argv, globalOptions)) {
    if (token.kind === "option" && typeof token.value === "string") {
      values.set(token.name, [{ text: token.value }]);
    }
  }
  return new Arguments([], values);
}

type Token = ReturnType<typeof tokensOf>[number];

function tokensOf(argv: readonly string[], options: readonly OptionSpec[]) {
  return parseArgs({
    args: [...argv],
    // Not strict: an option takes the next word whatever it looks like, as getopt does (--arg --verbose).
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries(
      options.map(({ name, short, value }) => [
        name,
        { type: value ? "string" : "boolean", ...(short !== undefined && { short }) } as const,
      ]),
    ),
  }).tokens;
}

/** The first word that is neither a global option nor the value of one. */
function nextWord(argv: readonly string[]): { readonly index: number; readonly word: string } | undefined {
  for (const token of tokensOf(argv, globalOptions)) {
    if (token.kind === "positional") {
      return { index: token.index, word: token.value };
    }
  }
  return undefined;
}

function wantsHelp(argv: readonly string[], spec?: CommandSpec): boolean {
  const tokens = tokensOf(argv, [...(spec?.options ?? []), ...globalOptions]);
  return tokens.some((token) => token.kind === "option" && token.name === "help");
}

function valuesOf(
  tokens: readonly Token[],
  options: readonly OptionSpec[],
  spec: CommandSpec | undefined,
): Map<string, OptionValueGiven[]> {
  const values = new Map<string, OptionValueGiven[]>();
  for (const token of tokens) {
    if (token.kind !== "option") {
      continue;
    }
    const option = options.find(({ name }) => name === token.name);
    if (!option) {
      const known = options.map(({ name }) => `--${name}`);
      throw usageError(
        `${spec ? commandName(spec) : "nmctl"} has no option ${token.rawName}${suggestion(token.rawName, known)}`,
      );
    }
    const given = values.get(option.name) ?? [];
    given.push(givenValue(token.value, option));
    values.set(option.name, given);
  }
  return values;
}

function givenValue(text: string | undefined, option: OptionSpec): OptionValueGiven {
  const { value } = option;
  if (!value) {
    if (text !== undefined) {
      throw usageError(`the option --${option.name} takes no value`);
    }
    return { text: "" };
  }
  if (text === undefined) {
    throw usageError(`the option --${option.name} needs a value: --${option.name} ${value.name}`);
  }
  switch (value.type) {
    case "text":
      if (text === "") {
        throw usageError(`the option --${option.name} needs a value that is not empty`);
      }
      return { text };
    case "argument":
      return { text };
    case "duration":
      return { text, number: parseDuration(text, value.mostDays) };
    case "count":
      if (!/^\d{1,9}$/.test(text) || Number(text) < (value.least ?? 0)) {
        throw usageError(
          `the value of --${option.name} is a whole number from ${value.least ?? 0} on, not ${JSON.stringify(text)}`,
        );
      }
      return { text, number: Number(text) };
    case "assignment":
      if (!/^[^=]+=/.test(text)) {
        throw usageError(`the value of --${option.name} has the form KEY=VALUE, not ${JSON.stringify(text)}`);
      }
      return { text };
    case "choice":
      if (!value.choices?.includes(text)) {
        throw usageError(
          `the value of --${option.name} is one of ${value.choices?.join(", ")}, not ${JSON.stringify(text)}`,
        );
      }
      return { text };
  }
}

function checkOperands(operands: readonly string[], spec: CommandSpec): void {
  const least = spec.operands.filter(({ optional }) => !optional).length;
  const most = spec.operands.some(({ repeated }) => repeated) ? Number.POSITIVE_INFINITY : spec.operands.length;
  if (operands.length < least) {
    throw usageError(`${commandName(spec)} needs ${spec.operands[operands.length]?.name ?? "more"}`);
  }
  if (operands.length > most) {
    throw usageError(`${commandName(spec)} has no use for ${JSON.stringify(operands[most])}`);
  }
}

function commandWords(): string[] {
  return [...new Set(commands.map(({ words }) => words[0] ?? ""))];
}

function suggestion(word: string, known: readonly string[]): string {
  const close = nearest(word, known);
  return close === undefined ? "" : `; did you mean ${close}?`;
}
