import type { CommandSpec } from "../grammar/command-spec.ts";
import { arg, BATCH_EXIT, deadline, env, NAMES_TEXT, names, parallel, requestId, restart } from "./options.ts";

const operation = {
  group: "applications",
  endless: true,
  mutates: true,
} as const;

const batch = { ...operation, exit: BATCH_EXIT } as const;

/** What changes applications. */
export const applicationCommands: readonly CommandSpec[] = [
  {
    ...operation,
    words: ["install"],
    summary: "install an application from a repository",
    description: [
      "Fetches what the origin offers for this node and prints the name of the new installation. Nothing is started.",
      "ORIGIN is REPOSITORY/APPLICATION[@VERSION], as the node sees it; REPOSITORY is file:DIRECTORY, grpc:HOST:PORT (loopback only) or grpcs:HOST:PORT. Without a version it is the highest one.",
    ],
    operands: [{ name: "ORIGIN", completes: { kind: "nothing" } }],
    options: [
      { ...env, help: "Set an environment variable of the application; wins over the envelope's." },
      { ...arg, help: "Append an argument to the envelope's. It is the next word, whatever it looks like." },
      {
        name: "package",
        value: { type: "assignment", name: "NAME=REFERENCE" },
        repeated: true,
        help: "Give the application a package of its own, which \"repository put\" has put into the origin's repository and named; wins over the envelope's of that name, and stays when the installation is updated.",
      },
      {
        ...requestId,
        help: "Have the effect once under this id: the same command again answers with the first result.",
      },
    ],
    examples: [
      { command: "nmctl install file:/srv/repository/web", does: "the highest version that fits this node" },
      {
        command: "nmctl install grpcs:repo.example.org:8443/web@1.4.2 --env PORT=8080",
        does: "one version, with a variable",
      },
    ],
  },
  {
    ...batch,
    words: ["start"],
    summary: "start a new instance of an installation",
    description: [
      "Makes one new instance in each installation, runs it, and prints its name when it is ready.",
      NAMES_TEXT,
    ],
    operands: [names],
    options: [parallel, requestId],
    examples: [
      { command: "nmctl start apps/web", does: "one instance in every installation of web" },
      { command: "instance=$(nmctl start $(nmctl install file:/srv/repository/web))", does: "install and start" },
    ],
  },
  {
    ...batch,
    words: ["suspend"],
    summary: "end the processes of instances and keep their workspaces",
    description: ["What is suspended stays so until it is resumed, also when the node starts again.", NAMES_TEXT],
    operands: [names],
    options: [deadline, parallel, requestId],
    examples: [{ command: "nmctl suspend apps", does: "every running instance" }],
  },
  {
    ...batch,
    words: ["resume"],
    summary: "run suspended instances again",
    description: ["In the same workspace and with the same version.", NAMES_TEXT],
    operands: [names],
    options: [parallel, requestId],
    examples: [{ command: "nmctl resume 'apps/web/**'", does: "every suspended instance of web" }],
  },
  {
    ...batch,
    words: ["restart"],
    summary: "suspend and resume instances",
    description: ["With the same version.", NAMES_TEXT],
    operands: [names],
    options: [deadline, parallel, requestId],
    examples: [{ command: "nmctl restart apps/web --parallel 1", does: "one after the other" }],
  },
  {
    ...batch,
    words: ["refresh"],
    summary: "look at objects anew and repair what drifted",
    description: [
      "Reads each object from disk and the process table, corrects what is out of date (a process that ended unseen), asks the origin whether there is something newer, and says so. Starts and stops nothing.",
      NAMES_TEXT,
    ],
    operands: [names],
    options: [parallel],
    examples: [{ command: "nmctl refresh apps", does: "everything" }],
  },
  {
    ...batch,
    words: ["stop"],
    summary: "end instances for good",
    description: [
      "Asks each instance to end, shows how far it is if it says so, and kills it when the deadline has passed. A stopped instance cannot be resumed.",
      NAMES_TEXT,
    ],
    operands: [names],
    options: [deadline, parallel, requestId],
    examples: [{ command: "nmctl stop apps/web --deadline 1m", does: "every instance of web, with a minute for each" }],
  },
  {
    ...batch,
    words: ["uninstall"],
    summary: "stop all instances of installations and remove them",
    description: [NAMES_TEXT],
    operands: [names],
    options: [deadline, parallel, requestId],
    examples: [{ command: "nmctl uninstall apps/web", does: "every installation of web" }],
  },
  {
    ...batch,
    words: ["update"],
    summary: "move installations, instances or the manager to a newer version",
    description: [
      "An installation gets the version that its origin offers now; instances that run keep theirs. An instance moves to the current version of its installation. nm is the manager itself.",
      "This version of the node answers NOT_IMPLEMENTED.",
    ],
    operands: [names],
    options: [restart, parallel, requestId],
    examples: [
      { command: "nmctl update apps/web", does: "every installation of web" },
      { command: "nmctl update nm", does: "the manager" },
    ],
  },
  {
    ...batch,
    words: ["revert"],
    summary: "move installations, instances or the manager back to the previous version",
    description: ["Mirrors update.", "This version of the node answers NOT_IMPLEMENTED."],
    operands: [names],
    options: [restart, parallel, requestId],
    examples: [{ command: "nmctl revert nm", does: "the manager" }],
  },
  {
    ...batch,
    words: ["update-to"],
    summary: "move an installation to what another origin offers",
    description: ["This version of the node answers NOT_IMPLEMENTED."],
    operands: [
      { name: "NAME", completes: { kind: "names" } },
      { name: "ORIGIN", completes: { kind: "nothing" } },
    ],
    options: [restart, requestId],
    examples: [
      { command: "nmctl update-to apps/web file:/srv/repository/web@2.0.0", does: "all installations of web" },
    ],
  },
];
