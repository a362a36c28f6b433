import type { CommandSpec } from "../grammar/command-spec.ts";

const context = { name: "NAME", completes: { kind: "contexts" } } as const;

/** What concerns nmctl itself. */
export const clientCommands: readonly CommandSpec[] = [
  {
    words: ["context", "list"],
    aliases: ["ls"],
    group: "nmctl",
    summary: "list the saved nodes",
    description: [
      "The one in use has a star. They are kept in nmctl/contexts.json below the XDG configuration directory.",
    ],
    operands: [],
    options: [],
    examples: [{ command: "nmctl context list", does: "all of them" }],
  },
  {
    words: ["context", "use"],
    group: "nmctl",
    summary: "use a saved node when none is given",
    description: [],
    operands: [context],
    options: [],
    examples: [{ command: "nmctl context use lab", does: "from now on" }],
  },
  {
    words: ["context", "set"],
    group: "nmctl",
    summary: "save a node under a name",
    description: ["Saves what --node, --tls-ca, --tls-cert and --tls-key say; paths are made absolute."],
    operands: [context],
    options: [],
    examples: [
      { command: "nmctl context set lab --node ssh://admin@lab.example.org", does: "a node that is reached by ssh" },
      {
        command:
          "nmctl context set shop --node shop.example.org:7400 --tls-ca ca.pem --tls-cert me.pem --tls-key me.key",
        does: "a node that is reached by mutual TLS",
      },
    ],
  },
  {
    words: ["context", "rm"],
    group: "nmctl",
    summary: "forget a saved node",
    description: [],
    operands: [context],
    options: [],
    examples: [{ command: "nmctl context rm lab", does: "the node itself is not touched" }],
  },
  {
    words: ["completion"],
    group: "nmctl",
    summary: "print a script that completes nmctl's commands in a shell",
    description: ["Names of objects are completed by asking the node."],
    operands: [{ name: "SHELL", completes: { kind: "words", words: ["bash", "zsh", "fish"] } }],
    options: [],
    examples: [
      { command: "source <(nmctl completion bash)", does: "in ~/.bashrc" },
      { command: "source <(nmctl completion zsh)", does: "in ~/.zshrc, after compinit" },
      { command: "nmctl completion fish | source", does: "in ~/.config/fish/config.fish" },
    ],
  },
  {
    words: ["version"],
    group: "nmctl",
    summary: "print the version of nmctl",
    description: ["That of the manager is in nmctl status nm."],
    operands: [],
    options: [],
    examples: [{ command: "nmctl version -o json", does: "for a program" }],
  },
  {
    words: ["help"],
    group: "nmctl",
    summary: "print the manual of a command",
    description: ["Without a command, the list of commands. nmctl COMMAND --help is the same."],
    operands: [{ name: "COMMAND", optional: true, repeated: true, completes: { kind: "commands" } }],
    options: [],
    examples: [{ command: "nmctl help repository serve", does: "one manual" }],
  },
];
