import type { CommandSpec } from "../grammar/command-spec.ts";
import { deadline, requestId } from "./options.ts";

/** What concerns the node and its manager. */
export const nodeCommands: readonly CommandSpec[] = [
  {
    words: ["describe"],
    group: "node",
    summary: "say what kind of node it is",
    description: ["Its profiles, the most specific first, and what they were computed from."],
    operands: [],
    options: [],
    examples: [{ command: "nmctl describe -o json", does: "for a program" }],
  },
  {
    words: ["is-runnable"],
    group: "node",
    summary: "say whether a program, or what was made for a profile, runs on the node",
    description: [
      "With a profile's label, asks whether the node supports it. With a file (a word with a slash, or that names one), looks at what the file needs and asks whether the node has it; the file is not sent.",
    ],
    operands: [{ name: "FILE|PROFILE", completes: { kind: "files" } }],
    options: [],
    exit: [[1, "it does not run there"]],
    examples: [
      { command: "nmctl is-runnable linux-arm64-glibc", does: "a profile" },
      { command: "nmctl is-runnable ./build/web", does: "a file" },
    ],
  },
  {
    words: ["reset"],
    group: "node",
    summary: "stop everything, uninstall everything",
    description: ["Returns the node to the state after its installation. Its owner stays its owner."],
    operands: [],
    options: [{ name: "yes", help: "Say that you mean it. Nothing is done without." }, deadline, requestId],
    exit: [[3, "it failed for some of the objects"]],
    examples: [{ command: "nmctl reset --yes --deadline 30s", does: "half a minute for each instance" }],
    endless: true,
    mutates: true,
  },
  {
    words: ["tidy"],
    group: "node",
    summary: "remove what is no longer needed",
    description: [
      "Removes the workspaces of stopped instances, uninstalled installations, old versions and binaries that nothing uses, and prints a line for each and how much was freed. The current version of an installation stays, the one before it, those that an instance is on, and the newest ones (noded --keep-versions). What somebody is working on is left alone.",
    ],
    operands: [],
    options: [
      { name: "dry-run", help: "Only say what would be removed." },
      {
        name: "older-than",
        value: { type: "duration", name: "DURATION", mostDays: 365 },
        help: "Only what was stopped, uninstalled or followed by a newer version at least so long ago, and unused binaries. All of it unless given.",
      },
    ],
    examples: [
      { command: "nmctl tidy --dry-run", does: "what there is to remove" },
      { command: "nmctl tidy --older-than 7d", does: "what was over a week ago" },
    ],
    endless: true,
    mutates: true,
  },
  {
    words: ["shutdown"],
    group: "node",
    summary: "end the manager in order",
    description: [
      "Running instances are suspended, or left running, as the manager's shutdown policy says; its next start-up resumes or finds them.",
      "What starts the manager may start it again at once, as the unit of the Debian package does: then it is that which has to stop it.",
    ],
    operands: [],
    options: [deadline],
    exit: [[3, "it failed for some of the objects"]],
    examples: [{ command: "nmctl shutdown --deadline 10s", does: "ten seconds for each instance" }],
    endless: true,
    mutates: true,
  },
  {
    words: ["claim"],
    group: "node",
    summary: "become the owner of a node (not in this version)",
    description: [
      "Not available in this version: give the manager its certificates with noded --tls-cert, --tls-key and --client-ca.",
    ],
    operands: [{ name: "ADDRESS", completes: { kind: "nothing" } }],
    options: [{ name: "token", value: { type: "text", name: "TOKEN" }, help: "The pairing token of the node." }],
    examples: [{ command: "nmctl claim device.local:7400 --token 4711", does: "fails in this version" }],
  },
];
