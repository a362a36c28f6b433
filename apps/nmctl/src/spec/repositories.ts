import type { CommandSpec, OptionSpec } from "../grammar/command-spec.ts";
import { arg, env } from "./options.ts";

const profile: OptionSpec = {
  name: "profile",
  value: { type: "text", name: "PROFILE" },
  repeated: true,
  help: "A profile that it is made for. The most specific one of this machine unless given.",
};

const repositoryText =
  "REPOSITORY is file:DIRECTORY, grpc:HOST:PORT (loopback only) or grpcs:HOST:PORT, which uses --tls-ca, --tls-cert and --tls-key.";

/** What concerns repositories. */
export const repositoryCommands: readonly CommandSpec[] = [
  {
    words: ["publish"],
    group: "repositories",
    summary: "put a program into a repository",
    description: [
      "Uploads the file, then its envelope, and prints the origin to install it from. Publishing the same again changes nothing; something else under the same version is refused.",
      "PATH is a program, or an archive (.tar, .tar.gz, .tgz) of files among which --command names the program. A node unpacks it, and all other packages that are archives, below packages/ in the application's working directory. An archive has regular files and directories only.",
      repositoryText,
    ],
    operands: [{ name: "PATH", completes: { kind: "files" } }],
    options: [
      {
        name: "to",
        value: { type: "text", name: "REPOSITORY" },
        help: "The repository. Required.",
      },
      { name: "title", value: { type: "text", name: "TITLE" }, help: "The title of the application. Required." },
      { name: "version", value: { type: "text", name: "VERSION" }, help: "A semantic version. Required." },
      {
        name: "name",
        value: { type: "text", name: "APPLICATION" },
        help: "Its name in the repository. The title unless given.",
      },
      profile,
      arg,
      env,
      {
        name: "command",
        value: { type: "text", name: "PATH_IN_IT" },
        help: "The program in the archive. It must be executable there.",
      },
      {
        name: "package",
        value: { type: "assignment", name: "NAME=FILE" },
        repeated: true,
        help: "Add a package: an archive, by the end of its name, which becomes a directory of that name, or any other file as it is. The archive that is PATH is the package app.",
      },
      {
        name: "readiness",
        value: { type: "text", name: "R" },
        help: "When an instance counts as running: none[:SETTLE] (it stays alive for the settle time, 200ms unless given), fd (it writes a newline to the descriptor named in NOTIFY_FD), tcp:[HOST:]PORT, http:URL or http:PORT/PATH (a probe succeeds), handshake or appcycle (it speaks the protocols of the node manager). none unless given.",
      },
      {
        name: "ready-timeout",
        value: { type: "duration", name: "DURATION" },
        help: "How long that may take. 30s unless given.",
      },
      {
        name: "stop-signal",
        value: { type: "text", name: "SIGNAL" },
        help: "What asks it to end. SIGTERM unless given.",
      },
      {
        name: "stop-grace",
        value: { type: "duration", name: "DURATION" },
        help: "How long it may take until it is killed. 10s unless given.",
      },
      {
        name: "soak",
        value: { type: "duration", name: "DURATION" },
        help: "How long an instance that is moved to this version must run, once it is ready, until the move counts. 3s unless given.",
      },
      { name: "publisher", value: { type: "text", name: "TEXT" }, help: "Who made it." },
    ],
    examples: [
      {
        command: "nmctl publish ./web --to file:/srv/repository --title web --version 1.0.0 --readiness tcp:8080",
        does: "prints file:/srv/repository/web@1.0.0",
      },
      {
        command:
          "nmctl publish /usr/bin/redis-server --to grpc:127.0.0.1:7500 --title redis --version 7.0.15 --arg --port --arg 6399 --readiness tcp:6399",
        does: "a program that nobody changed",
      },
      {
        command:
          "nmctl publish ./site.tar.gz --command bin/server --package theme=./dark.tar.gz --to file:/srv/repository --title site --version 1.0.0",
        does: "a program with files beside it, and more in another directory",
      },
    ],
    endless: true,
    mutates: true,
  },
  {
    words: ["repository", "serve"],
    group: "repositories",
    summary: "serve a directory as a repository",
    description: [
      "Runs until SIGTERM or Ctrl-C. Says on standard error where it serves. Off the loopback interface only with TLS: --tls-cert and --tls-key are its own, --client-ca says whose clients may come.",
    ],
    operands: [{ name: "DIR", completes: { kind: "directories" } }],
    options: [
      { name: "listen", value: { type: "text", name: "HOST:PORT" }, help: "Where. Required; port 0 takes a free one." },
      {
        name: "client-ca",
        value: { type: "text", name: "FILE", completes: { kind: "files" } },
        help: "The certificates (PEM) that a client's certificate must go back to.",
      },
      {
        name: "ready-fd",
        value: { type: "count", name: "N" },
        help: "Write its address and a newline to this file descriptor when it serves, and close it.",
      },
    ],
    exit: [[0, "it was asked to end"]],
    examples: [{ command: "nmctl repository serve /srv/repository --listen 127.0.0.1:7500", does: "for this machine" }],
    endless: true,
    mutates: true,
  },
  {
    words: ["repository", "ls"],
    aliases: ["list"],
    group: "repositories",
    summary: "list what a repository has",
    description: [repositoryText],
    operands: [{ name: "REPOSITORY", completes: { kind: "nothing" } }],
    options: [],
    examples: [{ command: "nmctl repository ls file:/srv/repository", does: "all versions of all applications" }],
  },
  {
    words: ["repository", "match"],
    group: "repositories",
    summary: "show the envelope that a node would get",
    description: ["ORIGIN is REPOSITORY/APPLICATION[@VERSION].", repositoryText],
    operands: [{ name: "ORIGIN", completes: { kind: "nothing" } }],
    options: [
      {
        ...profile,
        help: "A profile that the node supports; the first one first. Those of this machine unless given.",
      },
    ],
    examples: [
      {
        command: "nmctl repository match file:/srv/repository/web --profile linux-arm64-glibc",
        does: "for another machine",
      },
    ],
  },
  {
    words: ["repository", "put"],
    group: "repositories",
    summary: "put a package of its own into a repository",
    description: [
      "Uploads the file and prints the reference that --package of install takes. An archive (.tar, .tar.gz, .tgz) becomes a directory on the node, any other file stays as it is. Putting the same again changes nothing.",
      repositoryText,
    ],
    operands: [{ name: "FILE", completes: { kind: "files" } }],
    options: [{ name: "to", value: { type: "text", name: "REPOSITORY" }, help: "The repository. Required." }],
    examples: [
      {
        command: "nmctl repository put ./light.tar.gz --to file:/srv/repository",
        does: "prints sha256:DIGEST:SIZE:tar.gz",
      },
      {
        command:
          'nmctl install file:/srv/repository/site --package "theme=$(nmctl repository put ./light.tar.gz --to file:/srv/repository)"',
        does: "an installation with another theme than its publisher's",
      },
    ],
    endless: true,
    mutates: true,
  },
  {
    words: ["repository", "rm"],
    group: "repositories",
    summary: "remove versions of an application from a repository",
    description: ["ORIGIN is REPOSITORY/APPLICATION[@VERSION]; without a version, all versions go.", repositoryText],
    operands: [{ name: "ORIGIN", completes: { kind: "nothing" } }],
    options: [
      {
        name: "profile",
        value: { type: "text", name: "PROFILE" },
        help: "Only for this profile; for all unless given.",
      },
    ],
    examples: [{ command: "nmctl repository rm file:/srv/repository/web@1.0.0", does: "one version" }],
    mutates: true,
  },
];
