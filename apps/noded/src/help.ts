import { EXIT } from "./exit-codes.ts";
import { flagOf, SETTINGS, type Setting, variableOf } from "./settings.ts";

/** What noded is, in its manual and wherever else one line is wanted. */
export const SUMMARY = "owns the applications of a device";

/** How it is called, and what for. */
export const SYNOPSES: readonly (readonly [call: string, does: string])[] = [
  ["noded [run] [OPTION]...", ""],
  ["noded check-config [OPTION]...", "says whether the settings are right, and what they come to"],
  ["noded unit [OPTION]...", "prints a systemd unit that runs noded with these options"],
  ["noded version | help", ""],
];

/** Paragraphs. */
export const DESCRIPTION: readonly string[] = [
  "Serves the node manager of one root directory. Settings are taken from options, then from the environment, then from the workspace's settings, then from the configuration file, a JSON object, then from the defaults. It writes JSON lines to stderr.",
  "SIGTERM and SIGINT shut it down in order, a second one at once.",
];

/** Every status with which it ends, and what that means. */
export const EXIT_STATUSES: readonly (readonly [status: number, meaning: string])[] = [
  [EXIT.done, "shut down in order"],
  [EXIT.failed, "failed"],
  [EXIT.usage, "wrong arguments"],
  [EXIT.formatTooNew, "the root, or a file with settings, has a newer format"],
  [EXIT.internal, "internal error"],
  [EXIT.tryLater, "try again later: the root is locked by another manager, or the disk is full or read-only"],
  [EXIT.config, "a setting is wrong"],
  [EXIT.restart, "it switched to another version of itself, and is to be started again"],
];

/** An option, what it is for, and its other spellings. */
export interface OptionHelp {
  /** `--listen ADDRESS ...` */
  readonly title: string;
  readonly help: string;
  readonly elsewhere: string;
}

/** Every option. */
export const OPTIONS: readonly OptionHelp[] = [
  { title: "--config FILE", help: "the configuration file", elsewhere: "NODED_CONFIG" },
  {
    title: "--settings FILE",
    help: "the settings of a workspace, which the manager's own updates hand on",
    elsewhere: "for the script that starts a workspace",
  },
  ...SETTINGS.map(optionHelp),
];

/** The manual of noded, as text. */
export function helpText(): string {
  const width = Math.max(...SYNOPSES.map(([call]) => call.length)) + 4;
  return `NAME
  noded - ${SUMMARY}

SYNOPSIS
${SYNOPSES.map(([call, does]) => `  ${call.padEnd(width)}${does}`.trimEnd()).join("\n")}

DESCRIPTION
${DESCRIPTION.map((text) => wrapped(text)).join("\n\n")}

OPTIONS
${OPTIONS.map(({ title, help, elsewhere }) => `  ${title}\n      ${help}\n      ${elsewhere}`).join("\n")}

EXIT STATUS
${EXIT_STATUSES.map(([status, meaning]) => `  ${String(status).padEnd(5)}${meaning}`).join("\n")}
`;
}

function optionHelp({ key, value, help, multiple }: Setting): OptionHelp {
  return {
    title: `--${flagOf(key)} ${value}${multiple ? " ..." : ""}`,
    help,
    elsewhere: `${variableOf(key)}${multiple ? ", separated by commas" : ""}; "${key}" in the file`,
  };
}

/** In lines of at most 118 characters behind an indent of two. */
function wrapped(text: string): string {
  return text.replace(/(?![^\n]{1,118}$)([^\n]{1,118}) /g, "$1\n").replace(/^/gm, "  ");
}
