import {
  type CommandSpec,
  commandName,
  commands,
  exitStatuses,
  GROUPS,
  globalOptions,
  type OptionSpec,
  optionTitle,
  synopsis,
} from "@nodemanager/nmctl/manual";
import { DESCRIPTION, EXIT_STATUSES, OPTIONS, SUMMARY, SYNOPSES } from "@nodemanager/noded/help";
import type { Block, ManualPage, Term } from "./roff.ts";

/** When and of what version a page is. */
type Edition = Pick<ManualPage, "version" | "date">;

/** noded(8), from the tables that `noded help` is made of. */
export function nodedPage(edition: Edition): ManualPage {
  const options = OPTIONS.map(({ title, help, elsewhere }) => ({ term: title, paragraphs: [help, elsewhere] }));
  return {
    name: "noded",
    section: 8,
    summary: SUMMARY,
    ...edition,
    sections: [
      { title: "SYNOPSIS", blocks: SYNOPSES.map(([call]) => literal(call)) },
      {
        title: "DESCRIPTION",
        blocks: [
          ...DESCRIPTION.map(paragraph),
          terms(SYNOPSES.filter(([, does]) => does).map(([call, does]) => ({ term: call, paragraphs: [does] }))),
        ],
      },
      { title: "OPTIONS", blocks: [terms(options)] },
      { title: "EXIT STATUS", blocks: [statuses(EXIT_STATUSES)] },
      {
        title: "FILES",
        blocks: [
          terms([
            { term: "/etc/noded/noded.json", paragraphs: ["the settings of the manager that the package installs"] },
            { term: "/var/lib/noded/root", paragraphs: ["everything that it keeps"] },
            { term: "/var/lib/noded/current", paragraphs: ["the version that it switched to by itself, if it did"] },
            { term: "/run/noded/noded.sock", paragraphs: ["where it serves"] },
          ]),
        ],
      },
      { title: "SEE ALSO", blocks: [paragraph("nmctl(1), systemd.service(5)")] },
    ],
  };
}

/** nmctl(1), with every command, from the tables that `nmctl help` is made of. */
export function nmctlPage(edition: Edition): ManualPage {
  const groups = Object.entries(GROUPS).map(([group, title]) => ({
    title: title.toUpperCase(),
    blocks: commands.filter((spec) => spec.group === group).flatMap(commandBlocks),
  }));
  return {
    name: "nmctl",
    section: 1,
    summary: "operates node managers from a workstation",
    ...edition,
    sections: [
      {
        title: "SYNOPSIS",
        blocks: [literal("nmctl [--node ADDRESS|--context NAME] [-o FORMAT] [--timeout DURATION] COMMAND ...")],
      },
      { title: "GLOBAL OPTIONS", blocks: [optionTerms(globalOptions)] },
      { title: "EXIT STATUS", blocks: [statuses(exitStatuses(undefined))] },
      ...groups,
      { title: "SEE ALSO", blocks: [paragraph("noded(8)")] },
    ],
  };
}

function commandBlocks(spec: CommandSpec): Block[] {
  const own = (spec.exit ?? []).map(([status, meaning]) => paragraph(`Exits with ${status} when ${meaning}.`));
  return [
    { kind: "subsection", title: `nmctl ${commandName(spec)} - ${spec.summary}` },
    literal(synopsis(spec)),
    ...spec.description.map(paragraph),
    ...(spec.options.length > 0 ? [optionTerms(spec.options)] : []),
    ...own,
    ...spec.examples.flatMap(({ command, does }) => [paragraph(`For example, ${does}:`), literal(command)]),
  ];
}

function optionTerms(options: readonly OptionSpec[]): Block {
  return terms(options.map((option) => ({ term: optionTitle(option), paragraphs: [option.help] })));
}

function statuses(all: readonly (readonly [status: number, meaning: string])[]): Block {
  return terms(all.map(([status, meaning]) => ({ term: String(status), paragraphs: [meaning] })));
}

function paragraph(text: string): Block {
  return { kind: "paragraph", text };
}

function literal(text: string): Block {
  return { kind: "literal", text };
}

function terms(all: readonly Term[]): Block {
  return { kind: "terms", terms: all };
}
