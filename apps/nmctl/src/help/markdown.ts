import { type CommandSpec, commandName, type OptionSpec } from "../grammar/command-spec.ts";
import { globalOptions } from "../spec/global-options.ts";
import { commands } from "../spec/table.ts";
import { exitStatuses, GROUPS, optionTitle, synopsis } from "./manual.ts";

/** The manuals of all commands as one page. */
export function manualPage(): string {
  const groups = Object.entries(GROUPS).map(([group, title]) => {
    const members = commands.filter((spec) => spec.group === group);
    return [`## ${title}`, ...members.map(commandSection)].join("\n\n");
  });
  return `${[
    "# nmctl",
    "Operates node managers from a workstation. This page is made from the source of `nmctl help`; do not edit it.",
    "```\nnmctl [--node ADDRESS|--context NAME] [-o FORMAT] [--timeout DURATION] COMMAND ...\n```",
    "## Global options",
    optionList(globalOptions),
    "## Exit status",
    exitTable(undefined),
    ...groups,
  ].join("\n\n")}\n`;
}

function commandSection(spec: CommandSpec): string {
  const examples = spec.examples.map(({ command, does }) => `# ${does}\n${command}`).join("\n");
  const own = spec.exit?.map(([status, meaning]) => `Exits with ${status} when ${meaning}.`).join(" ");
  return [
    `### nmctl ${commandName(spec)}`,
    `${capitalised(spec.summary)}.`,
    `\`\`\`\n${synopsis(spec)}\n\`\`\``,
    ...spec.description.map(escaped),
    ...(spec.options.length > 0 ? [optionList(spec.options)] : []),
    ...(own === undefined ? [] : [own]),
    `\`\`\`sh\n${examples}\n\`\`\``,
  ].join("\n\n");
}

function optionList(options: readonly OptionSpec[]): string {
  return options.map((option) => `- \`${optionTitle(option)}\`: ${escaped(option.help)}`).join("\n");
}

function exitTable(spec: CommandSpec | undefined): string {
  const rows = exitStatuses(spec).map(([status, meaning]) => `| ${status} | ${meaning} |`);
  return ["| status | meaning |", "|---|---|", ...rows].join("\n");
}

function escaped(text: string): string {
  return text.replace(/[*<>|]/g, "\\$&");
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
