import type { CommandSpec } from "../grammar/command-spec.ts";
import {
  arg,
  BATCH_EXIT,
  deadline,
  dryRun,
  env,
  NAMES_TEXT,
  names,
  parallel,
  requestId,
  restart,
  wait,
} from "./options.ts";

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
        name: "user",
        value: { type: "text", name: "NAME|UID" },
        help: "Run its instances as this user of the node, with its primary group. Unless given, and where the node can do so, the installation gets an account of its own.",
      },
      { name: "same-user", help: "Run its instances as the manager's own user, with all that it may do." },
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
      "An installation gets the version that its origin offers now, or the one that --version names; what was said at installation stays, and instances that run keep their version. With --restart, running instances are moved too, one after the other: each has to become ready and to run for the soak time of its envelope; when one does not, all of them and the installation go back, and the command fails with UPDATE_FAILED.",
      "An instance moves to the current version of its installation; one that runs only with --restart. A partial name means installations.",
      "When there is nothing newer, one full name fails with UPDATE_NOT_AVAILABLE; of several objects, it is said of each.",
      "nm is the manager itself: it tries what its origin offers, switches to it and is started again. Should the new version not become healthy, the one before it comes back by itself.",
    ],
    operands: [names],
    options: [
      restart,
      wait,
      dryRun,
      {
        name: "version",
        value: { type: "text", name: "VERSION" },
        help: "This semantic version of what the origin offers, and not the highest one or the one that it is pinned to.",
      },
      deadline,
      parallel,
      requestId,
    ],
    examples: [
      { command: "nmctl update apps/web", does: "every installation of web" },
      { command: "nmctl update apps/web --restart", does: "and what runs of it" },
      { command: "nmctl update apps --dry-run", does: "what there is that is newer" },
      { command: "nmctl update nm --wait", does: "the manager, until the new version is healthy" },
    ],
  },
  {
    ...operation,
    mutates: false,
    words: ["diff"],
    summary: "say what an update of an installation would change",
    description: [
      "Compares the current version with what its origin offers, as this VERSION or as the highest one, and prints a line for each field that is different. What would have to be fetched is said as well. Nothing is fetched or changed.",
    ],
    operands: [
      { name: "INSTALLATION", completes: { kind: "names" } },
      { name: "VERSION", optional: true, completes: { kind: "nothing" } },
    ],
    options: [],
    examples: [
      { command: "nmctl diff apps/web/cqzs3bn5n7kl5o6ddw2bmsq3hu", does: "with the highest version" },
      {
        command: "nmctl diff apps/web/cqzs3bn5n7kl5o6ddw2bmsq3hu 1.4.2 -o json",
        does: "with one version, for a program",
      },
    ],
  },
  {
    ...batch,
    words: ["revert"],
    summary: "move installations, instances or the manager back to the previous version",
    description: [
      "Mirrors update: an installation goes back to the version before its current one, an instance to the one before the version that it runs. Nothing is fetched. Where there is none, or it was removed, one full name fails with NO_PREVIOUS_VERSION; of several objects, it is said of each.",
      "nm, the manager itself, goes back to the version before it without a trial: that one was healthy.",
    ],
    operands: [names],
    options: [restart, wait, deadline, parallel, requestId],
    examples: [
      { command: "nmctl revert apps/web --restart", does: "every installation of web, and what runs of it" },
      { command: "nmctl revert nm --wait", does: "the manager" },
    ],
  },
  {
    ...batch,
    words: ["update-to"],
    summary: "move an installation to what another origin offers",
    description: [
      "As update, from another origin, which is the installation's from then on. It has to offer the same application: TITLE_MISMATCH otherwise.",
    ],
    operands: [
      { name: "NAME", completes: { kind: "names" } },
      { name: "ORIGIN", completes: { kind: "nothing" } },
    ],
    options: [restart, dryRun, deadline, requestId],
    examples: [
      { command: "nmctl update-to apps/web file:/srv/repository/web@2.0.0", does: "all installations of web" },
    ],
  },
];
