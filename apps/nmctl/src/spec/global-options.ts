import type { OptionSpec } from "../grammar/command-spec.ts";

const file = { type: "text", name: "FILE", completes: { kind: "files" } } as const;

/** What every command takes. */
export const globalOptions: readonly OptionSpec[] = [
  {
    name: "node",
    value: { type: "text", name: "ADDRESS" },
    help: "The node: unix:PATH, HOST:PORT, or ssh://[USER@]HOST[:PORT][/SOCKET]. NMCTL_NODE is the same.",
  },
  {
    name: "context",
    value: { type: "text", name: "NAME", completes: { kind: "contexts" } },
    help: "The node that was saved under this name with nmctl context set. NMCTL_CONTEXT is the same.",
  },
  {
    name: "output",
    short: "o",
    value: { type: "choice", name: "FORMAT", choices: ["table", "json", "yaml", "name"] },
    help: "How to print: table (for people), json, yaml, or name (the names alone, one a line).",
  },
  {
    name: "timeout",
    value: { type: "duration", name: "DURATION" },
    help: "End with exit status 5 after so long. 30s unless given; commands that report progress or follow something have no timeout unless given.",
  },
  {
    name: "tls-ca",
    value: file,
    help: "The certificates (PEM) that the certificate of a node at HOST:PORT, or of a repository at grpcs:, must go back to. NMCTL_TLS_CA is the same.",
  },
  {
    name: "tls-cert",
    value: file,
    help: "The certificate (PEM) to show to a node at HOST:PORT or a repository at grpcs:. NMCTL_TLS_CERT is the same.",
  },
  { name: "tls-key", value: file, help: "The key (PEM) of --tls-cert. NMCTL_TLS_KEY is the same." },
  { name: "help", short: "h", help: "Print the manual of the command." },
];
