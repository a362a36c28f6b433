import { EXIT_CODES, EXIT_MEANINGS } from "../exit-code.ts";
import type { CommandSpec, Group, OptionSpec } from "../grammar/command-spec.ts";
import { commandName } from "../grammar/command-spec.ts";
import { globalOptions } from "../spec/global-options.ts";
import { commands } from "../spec/table.ts";
import { wrapped } from "./wrap.ts";

const WIDTH = 80;
const INDENT = 7;

/** The groups of commands, in the order in which they are listed. */
export const GROUPS: Readonly<Record<Group, string>> = {
  applications: "Applications",
  node: "The node",
  repositories: "Repositories",
  nmctl: "nmctl itself",
};

/**
 * The manual of a command, or the list of commands.
 *
 * @param words - of a list, only the commands that begin so: `repository`
 */
export function manual(spec: CommandSpec | undefined, words: readonly string[] = []): string {
  return spec ? commandManual(spec) : overview(words);
}

/** `nmctl logs [-f] [-n N] [--stream STREAM] INSTANCE` */
export function synopsis(spec: CommandSpec): string {
  const options = spec.options.map((option) => {
    const text = spec.words.length > 0 && option.short !== undefined ? `-${option.short}` : `--${option.name}`;
    return `[${text}${option.value ? ` ${option.value.name}` : ""}]${option.repeated ? "..." : ""}`;
  });
  const operands = spec.operands.map(({ name, optional, repeated }) => {
    const text = `${name}${repeated ? "..." : ""}`;
    return optional ? `[${text}]` : text;
  });
  return ["nmctl", commandName(spec), ...options, ...operands].join(" ");
}

/** `-n N, --lines N` */
export function optionTitle(option: OptionSpec): string {
  const value = option.value ? ` ${option.value.name}` : "";
  return [...(option.short === undefined ? [] : [`-${option.short}${value}`]), `--${option.name}${value}`].join(", ");
}

/** Every exit status of a command and what it means there. */
export function exitStatuses(spec: CommandSpec | undefined): (readonly [status: number, meaning: string])[] {
  const own = new Map(spec?.exit ?? []);
  return Object.entries(EXIT_CODES).flatMap(([key, status]) => {
    if (status === EXIT_CODES.partly && spec && !own.has(status)) {
      return [];
    }
    const meaning = Object.entries(EXIT_MEANINGS).find(([name]) => name === key)?.[1] ?? "";
    const particular = own.get(status);
    return [
      [
        status,
        particular === undefined ? meaning : status === EXIT_CODES.failed ? `${particular}, or it failed` : particular,
      ],
    ] as const;
  });
}

function commandManual(spec: CommandSpec): string {
  return sections([
    ["NAME", [`nmctl ${commandName(spec)} - ${spec.summary}`]],
    ["SYNOPSIS", [synopsis(spec)]],
    ["DESCRIPTION", separated(spec.description)],
    ["OPTIONS", spec.options.flatMap(optionLines)],
    ["GLOBAL OPTIONS", globalOptions.flatMap(optionLines)],
    ["EXAMPLES", spec.examples.flatMap(({ command, does }) => [command, `    ${does}`])],
    ["EXIT STATUS", exitStatuses(spec).map(([status, meaning]) => `${String(status).padEnd(5)}${meaning}`)],
  ]);
}

function overview(words: readonly string[]): string {
  const shown = commands.filter(({ words: own }) => words.every((word, index) => own[index] === word));
  const width = Math.max(...shown.map((spec) => commandName(spec).length)) + 2;
  const lists = Object.entries(GROUPS).flatMap(([group, title]) => {
    const members = shown.filter((spec) => spec.group === group);
    const lines = members.map((spec) => `${commandName(spec).padEnd(width)}${spec.summary}`);
    return lines.length > 0 ? [[title.toUpperCase(), lines] as const] : [];
  });
  return sections([
    ["NAME", ["nmctl - operate node managers from a workstation"]],
    [
      "SYNOPSIS",
      [`nmctl [--node ADDRESS|--context NAME] [-o FORMAT] [--timeout DURATION] ${words.join(" ") || "COMMAND"} ...`],
    ],
    ...lists,
    ["GLOBAL OPTIONS", globalOptions.flatMap(optionLines)],
    ["EXIT STATUS", exitStatuses(undefined).map(([status, meaning]) => `${String(status).padEnd(5)}${meaning}`)],
    ["SEE ALSO", ["nmctl help COMMAND"]],
  ]);
}

function optionLines(option: OptionSpec): string[] {
  return [optionTitle(option), ...wrapped(option.help, WIDTH - INDENT - 4).map((line) => `    ${line}`)];
}

function separated(paragraphs: readonly string[]): string[] {
  return paragraphs.flatMap((text, index) => [...(index > 0 ? [""] : []), ...wrapped(text, WIDTH - INDENT)]);
}

function sections(all: readonly (readonly [title: string, lines: readonly string[]])[]): string {
  return all
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => {
      const body = lines.flatMap((line) =>
        line.startsWith("nmctl ") ? wrapped(line, WIDTH - INDENT, "    ") : [line],
      );
      return `${title}\n${body.map((line) => (line === "" ? "" : " ".repeat(INDENT) + line)).join("\n")}\n`;
    })
    .join("\n");
}
