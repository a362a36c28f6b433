import type { Operand, OptionSpec } from "../grammar/command-spec.ts";

/** Options and operands that several commands have. */

export const deadline: OptionSpec = {
  name: "deadline",
  value: { type: "duration", name: "DURATION" },
  help: "How long a process may take to end, from the request until it is killed. What its envelope says unless given.",
};

export const parallel: OptionSpec = {
  name: "parallel",
  value: { type: "count", name: "N", least: 1 },
  help: "Work on at most N of the given objects at a time. 16 unless given.",
};

export const requestId: OptionSpec = {
  name: "request-id",
  value: { type: "text", name: "ID" },
  help: "Have the effect once under this id: the same command again answers with the first result. With one full name only.",
};

export const restart: OptionSpec = {
  name: "restart",
  help: "Suspend running instances, switch, and resume them; switched back if the other version does not become ready.",
};

export const dryRun: OptionSpec = {
  name: "dry-run",
  help: "Say what would change, field by field, and how much there is to fetch; change nothing.",
};

export const wait: OptionSpec = {
  name: "wait",
  help: "With nm: wait until the other version serves and is healthy, or say that the one before it is back and why.",
};

export const env: OptionSpec = {
  name: "env",
  value: { type: "assignment", name: "KEY=VALUE" },
  repeated: true,
  help: "Set an environment variable of the application.",
};

export const arg: OptionSpec = {
  name: "arg",
  value: { type: "argument", name: "ARGUMENT" },
  repeated: true,
  help: "Pass an argument to the application. It is the next word, whatever it looks like.",
};

export const names: Operand = { name: "NAME|GLOB", repeated: true, completes: { kind: "names" } };
export const glob: Operand = { name: "GLOB", optional: true, completes: { kind: "names" } };

export const BATCH_EXIT = [[3, "it failed for some of the objects"]] as const;

export const NAMES_TEXT =
  "A full name means one object. A partial one (apps, apps/TITLE, apps/TITLE/INSTALLATION) means everything below it that the command applies to, and so does a glob: * is any text without /, ** any number of segments.";
