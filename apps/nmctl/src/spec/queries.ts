import type { CommandSpec } from "../grammar/command-spec.ts";
import { glob } from "./options.ts";

/** What asks about applications. */
export const queryCommands: readonly CommandSpec[] = [
  {
    words: ["ls"],
    group: "applications",
    summary: "list applications, installations and instances",
    description: ["What is known without looking closely; everything unless a glob is given."],
    operands: [glob],
    options: [],
    examples: [
      { command: "nmctl ls 'apps/*'", does: "the applications" },
      { command: "nmctl ls -o name 'apps/web/*/*'", does: "the names of the instances of web" },
    ],
  },
  {
    words: ["status"],
    group: "applications",
    summary: "show the state of objects, or of the manager",
    description: [
      "Everything that is known, also why something does not run; of all objects unless a glob is given. The name nm means the manager: its version and where it comes from, what became of its last update, its root, memory, and what its last start-up found.",
    ],
    operands: [{ ...glob, name: "GLOB|nm" }],
    options: [],
    examples: [
      { command: "nmctl status", does: "all objects" },
      { command: "nmctl status -o json apps/web/*/*", does: "the instances of web, for a program" },
      { command: "nmctl status nm", does: "the manager" },
    ],
  },
  {
    words: ["watch"],
    group: "applications",
    summary: "show objects, then every change to one",
    description: ["Goes on until it is interrupted or the manager ends. -o json prints one document a line."],
    operands: [glob],
    options: [],
    examples: [{ command: "nmctl watch apps/web/**", does: "everything of web" }],
    endless: true,
  },
  {
    words: ["logs"],
    group: "applications",
    summary: "print what an instance wrote",
    description: ["Both streams on standard output, what went to stdout first, unless one is chosen."],
    operands: [{ name: "INSTANCE", completes: { kind: "names" } }],
    options: [
      { name: "follow", short: "f", help: "Go on with what is written later, until the instance ends." },
      {
        name: "lines",
        short: "n",
        value: { type: "count", name: "N" },
        help: "Only the last N lines of what is there; all unless given.",
      },
      {
        name: "stream",
        value: { type: "choice", name: "STREAM", choices: ["stdout", "stderr"] },
        help: "Only this stream.",
      },
    ],
    examples: [{ command: "nmctl logs -f -n 20 $instance", does: "the last lines, and what follows" }],
    endless: true,
  },
  {
    words: ["debug"],
    group: "applications",
    summary: "print everything that helps to find a fault in an object",
    description: ["Text for people; nothing in it is stable."],
    operands: [{ name: "NAME", completes: { kind: "names" } }],
    options: [],
    examples: [
      { command: "nmctl debug $instance", does: "its records, process, command, environment and last output" },
    ],
  },
];
