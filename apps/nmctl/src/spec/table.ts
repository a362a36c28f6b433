import type { CommandSpec } from "../grammar/command-spec.ts";
import { applicationCommands } from "./applications.ts";
import { clientCommands } from "./client.ts";
import { nodeCommands } from "./node.ts";
import { queryCommands } from "./queries.ts";
import { repositoryCommands } from "./repositories.ts";

/** What the completion scripts call. */
export const hiddenCommands: readonly CommandSpec[] = [
  {
    words: ["__complete"],
    group: "nmctl",
    summary: "say what fits as the last word",
    description: [],
    operands: [{ name: "WORD", optional: true, repeated: true, completes: { kind: "nothing" } }],
    options: [],
    examples: [],
  },
];

/** Every command, in the order in which help lists them. */
export const commands: readonly CommandSpec[] = [
  ...applicationCommands,
  ...queryCommands,
  ...nodeCommands,
  ...repositoryCommands,
  ...clientCommands,
];
