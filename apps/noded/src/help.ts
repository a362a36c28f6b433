import { flagOf, SETTINGS, variableOf } from "./settings.ts";

/** The manual of noded, as text. */
export function helpText(): string {
  const options = SETTINGS.map(({ key, value, help, multiple }) => {
    const flag = `--${flagOf(key)} ${value}${multiple ? " ..." : ""}`;
    return `  ${flag}\n      ${help}\n      ${variableOf(key)}${multiple ? ", separated by commas" : ""}; "${key}" in the file`;
  });
  return `NAME
  noded - owns the applications of a device

SYNOPSIS
  noded [run] [OPTION]...
  noded check-config [OPTION]...     says whether the settings are right, and what they come to
  noded unit [OPTION]...             prints a systemd unit that runs noded with these options
  noded version | help

DESCRIPTION
  Serves the node manager of one root directory. Settings are taken from options, then from the environment, then from
  the configuration file, a JSON object, then from the defaults. It writes JSON lines to stderr.

  SIGTERM and SIGINT shut it down in order, a second one at once.

OPTIONS
  --config FILE
      the configuration file
      NODED_CONFIG
${options.join("\n")}

EXIT STATUS
  0 shut down in order; 1 failed; 64 wrong arguments; 65 the root has a newer format; 70 internal error;
  75 try again later: the root is locked by another manager, or the disk is full or read-only; 78 a setting is wrong.
`;
}
