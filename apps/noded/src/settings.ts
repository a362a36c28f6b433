import { resolve } from "node:path";
import { formatAccountRange, type LogLevel, NodeError, parseAccountRange } from "@nodemanager/core";
import type { ShutdownPolicy } from "@nodemanager/manager";
import { formatOrigin, parseOrigin } from "@nodemanager/repository";
import { type Address, parseAddress } from "@nodemanager/transport";

/** What noded is told, decoded once. */
export interface Settings {
  readonly root: string;
  readonly listen: readonly Address[];
  readonly shutdownPolicy: ShutdownPolicy;
  readonly logLevel: LogLevel;
  readonly maxBinaryBytes: number;
  readonly maxPackageBytes?: number | undefined;
  readonly keepVersions?: number | undefined;
  readonly accountRange?: string | undefined;
  readonly repositoryStallMs?: number | undefined;
  readonly currentLink?: string | undefined;
  readonly origin?: string | undefined;
  readonly trialTimeoutMs?: number | undefined;
  readonly healthyAfterMs?: number | undefined;
  readonly healthyWithinMs?: number | undefined;
  readonly readyFd?: number | undefined;
  readonly profilesFile?: string | undefined;
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
  readonly clientCa?: string | undefined;
  readonly repositoryCa?: string | undefined;
  readonly repositoryCert?: string | undefined;
  readonly repositoryKey?: string | undefined;
}

/** One setting: `--flag`, `NODED_FLAG` and `flag` in the configuration file are the same word in three spellings. */
export interface Setting {
  readonly key: keyof Settings;
  readonly value: string;
  readonly help: string;
  readonly multiple?: true;
  /** @throws NodeError for a value that is not one */
  readonly parse: (texts: readonly string[]) => unknown;
}

const DAY_MS = 24 * 60 * 60 * 1000;

const one =
  (parse: (text: string) => unknown) =>
  ([text = ""]: readonly string[]): unknown =>
    parse(text);

// In one spelling: the control groups of a root are named after its path.
const file = one((text) => {
  if (text === "") {
    throw invalid("an empty path names nothing");
  }
  return resolve(text);
});

const oneOf = (...choices: readonly string[]) =>
  one((text) => {
    if (!choices.includes(text)) {
      throw invalid(`${JSON.stringify(text)} is none of ${choices.join(", ")}`);
    }
    return text;
  });

const integer = (min: number, max: number) =>
  one((text) => {
    const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) {
      throw invalid(`${JSON.stringify(text)} is not a whole number from ${min} to ${max}`);
    }
    return value;
  });

/** Instead of a range of accounts. */
export const NO_ACCOUNTS = "none";

/** Every setting there is. Flags, environment, configuration file and help are read off this table. */
export const SETTINGS: readonly Setting[] = [
  { key: "root", value: "DIR", help: "the directory that holds everything the manager keeps", parse: file },
  {
    key: "listen",
    value: "ADDRESS",
    multiple: true,
    help: "where to serve: unix:PATH, or HOST:PORT with mutual TLS; may be repeated",
    parse: (texts) => texts.map(parseAddress),
  },
  {
    key: "shutdownPolicy",
    value: "suspend|leave",
    help: "whether running instances are suspended when the manager shuts down, or go on and are found again",
    parse: oneOf("suspend", "leave"),
  },
  {
    key: "logLevel",
    value: "LEVEL",
    help: "the least important records to write: debug, info, warn or error",
    parse: oneOf("debug", "info", "warn", "error"),
  },
  {
    key: "maxBinaryBytes",
    value: "BYTES",
    help: "the largest binary that is installed",
    parse: integer(1, Number.MAX_SAFE_INTEGER),
  },
  {
    key: "maxPackageBytes",
    value: "BYTES",
    help: "how large a package may be once it is unpacked; 4 GiB unless given",
    parse: integer(1, Number.MAX_SAFE_INTEGER),
  },
  {
    key: "keepVersions",
    value: "N",
    help: "how many of the newest versions of an installation stay, beside those in use and the one to go back to; 3 unless given",
    parse: integer(1, 1000),
  },
  {
    key: "accountRange",
    value: "FIRST-LAST|none",
    help: "for root: the numbers of which each installation gets one as its uid and gid, 1879048192-1879113727 unless given; or that none gets any",
    parse: one((text) => (text === NO_ACCOUNTS ? text : formatAccountRange(parseAccountRange(text)))),
  },
  {
    key: "repositoryStallMs",
    value: "MILLISECONDS",
    help: "how long a repository may send next to nothing until it is asked again, a few times; 30000 unless given",
    parse: integer(1, DAY_MS),
  },
  {
    key: "currentLink",
    value: "PATH",
    help: "the link through which init starts the manager; its own updates switch it",
    parse: file,
  },
  {
    key: "origin",
    value: "ORIGIN",
    help: "where the manager's own updates come from: REPOSITORY/APPLICATION",
    parse: one((text) => formatOrigin(parseOrigin(text))),
  },
  {
    key: "trialTimeoutMs",
    value: "MILLISECONDS",
    help: "how long the trial of a new version of the manager may take; 40000 unless given",
    parse: integer(1, DAY_MS),
  },
  {
    key: "healthyAfterMs",
    value: "MILLISECONDS",
    help: "how long a new version of the manager must have served to count as healthy; 5000 unless given",
    parse: integer(0, DAY_MS),
  },
  {
    key: "healthyWithinMs",
    value: "MILLISECONDS",
    help: "how long a new version of the manager may take for that until it is killed; 60000 unless given",
    parse: integer(1000, DAY_MS),
  },
  {
    key: "readyFd",
    value: "N",
    help: "a file descriptor that gets a newline when the manager serves",
    parse: integer(1, 1023),
  },
  { key: "profilesFile", value: "FILE", help: "profiles of this node's own, in JSON", parse: file },
  { key: "tlsCert", value: "FILE", help: "the certificate to show on HOST:PORT, in PEM", parse: file },
  { key: "tlsKey", value: "FILE", help: "its key", parse: file },
  { key: "clientCa", value: "FILE", help: "who signs the certificates of those that may call HOST:PORT", parse: file },
  { key: "repositoryCa", value: "FILE", help: "who signs the certificates of grpcs: repositories", parse: file },
  { key: "repositoryCert", value: "FILE", help: "the certificate to show to them", parse: file },
  { key: "repositoryKey", value: "FILE", help: "its key", parse: file },
];

/** `shutdownPolicy` as a flag: `shutdown-policy`. */
export function flagOf(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `shutdownPolicy` in the environment: `NODED_SHUTDOWN_POLICY`. */
export function variableOf(key: string): string {
  return `NODED_${flagOf(key).replaceAll("-", "_").toUpperCase()}`;
}

export function invalid(why: string, cause?: unknown): NodeError {
  return new NodeError("INVALID_CONFIG", why, { cause });
}
