/** What manual pages and completion are made of, for those who package nmctl. */
export { COMPLETION_SCRIPTS } from "../completion/scripts.ts";
export { type CommandSpec, commandName, type OptionSpec } from "../grammar/command-spec.ts";
export { globalOptions } from "../spec/global-options.ts";
export { commands } from "../spec/table.ts";
export { exitStatuses, GROUPS, optionTitle, synopsis } from "./manual.ts";
