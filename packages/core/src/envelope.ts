import { constants } from "node:os";
import { isDeepStrictEqual } from "node:util";
import * as v from "valibot";
import { NodeError } from "./errors.ts";
import { parseAnyTitle, type Title } from "./names.ts";
import { type BinaryRef, binarySchema, commandSchema, type PackageRef, packagesSchema } from "./packages.ts";

/** When an instance counts as running; each within `timeoutMs`. */
export type Readiness =
  | { readonly kind: "none"; readonly settleMs: number; readonly timeoutMs: number }
  | { readonly kind: "fd"; readonly timeoutMs: number }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number; readonly timeoutMs: number }
  | { readonly kind: "http"; readonly url: string; readonly timeoutMs: number }
  | { readonly kind: "handshake"; readonly timeoutMs: number }
  | { readonly kind: "appcycle"; readonly timeoutMs: number };

/** How an instance is ended. */
export interface StopPolicy {
  readonly signal: NodeJS.Signals;
  /** From the request to SIGKILL. */
  readonly graceMs: number;
}

/** The metadata of one version of an application for one profile. */
export interface Envelope {
  readonly title: Title;
  /** A semantic version. */
  readonly version: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The program, when it is a single file. Either this or `command` is there. */
  readonly binary?: BinaryRef | undefined;
  /** The program, when it is in a package: a path below the directory of all packages, `web/bin/server`. */
  readonly command?: string | undefined;
  /** By the name of the file or directory that each becomes. */
  readonly packages: Readonly<Record<string, PackageRef>>;
  readonly readiness: Readiness;
  readonly stop: StopPolicy;
  /** How long an instance that was moved to this version must run, once ready, until the move counts. */
  readonly soakMs: number;
  readonly publisher: string;
}

/** The most bytes that an envelope's JSON may have. */
export const ENVELOPE_MAX_BYTES: number = 1024 * 1024;

// As semver.org has it: numeric identifiers of a prerelease have no leading zero, or they could not be ordered.
const SEMVER =
  /^(0|[1-9]\d{0,9})\.(0|[1-9]\d{0,9})\.(0|[1-9]\d{0,9})(-(0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(\.(0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$/;
const DAY_MS = 24 * 60 * 60 * 1000;

const withoutNul = v.pipe(
  v.string(),
  v.check((text) => !text.includes("\0") && text.isWellFormed(), "holds a NUL character or broken Unicode"),
  // Linux takes no longer single argument (MAX_ARG_STRLEN).
  v.check((text) => Buffer.byteLength(text) < 128 * 1024, "is longer than 128 KiB"),
);
const timeout = v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(DAY_MS)), 30_000);
const port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535));

const readiness = v.variant("kind", [
  v.object({
    kind: v.literal("none"),
    settleMs: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(DAY_MS)), 200),
    timeoutMs: timeout,
  }),
  v.object({ kind: v.literal("fd"), timeoutMs: timeout }),
  v.object({ kind: v.literal("tcp"), host: v.optional(v.string(), "127.0.0.1"), port, timeoutMs: timeout }),
  v.object({
    kind: v.literal("http"),
    url: v.pipe(v.string(), v.url(), v.startsWith("http://", "is not an http:// URL")),
    timeoutMs: timeout,
  }),
  v.object({ kind: v.literal("handshake"), timeoutMs: timeout }),
  v.object({ kind: v.literal("appcycle"), timeoutMs: timeout }),
]);

/** A program that is stopped by these does not go on to its end. */
const HALTING: ReadonlySet<string> = new Set(["SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGCONT"]);

const stopPolicy = v.object({
  signal: v.optional(
    v.custom<NodeJS.Signals>(
      (signal) => typeof signal === "string" && Object.hasOwn(constants.signals, signal) && !HALTING.has(signal),
      "is not the name of a signal that asks a program to end",
    ),
    "SIGTERM",
  ),
  graceMs: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(DAY_MS)), 10_000),
});

const envKey = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "is not the name of an environment variable"),
  v.check((key) => !key.startsWith("NODED_") && key !== "NOTIFY_FD", "is the manager's to set"),
);

// Valibot takes an array for a record and drops these names without a word.
const DROPPED_NAMES = ["__proto__", "constructor", "prototype"];
const env = v.pipe(
  v.custom<Record<string, unknown>>(
    (value) => typeof value === "object" && value !== null && !Array.isArray(value),
    "is not an object",
  ),
  v.check(
    (value) => !DROPPED_NAMES.some((name) => Object.hasOwn(value, name)),
    `has a name that cannot be used: one of ${DROPPED_NAMES.join(", ")}`,
  ),
  v.record(envKey, withoutNul),
);

const envelope = v.looseObject({
  schemaVersion: v.optional(v.literal(1, "is a format that this program does not know"), 1),
  title: v.string(),
  version: v.pipe(v.string(), v.maxLength(128), v.regex(SEMVER, "is not a semantic version")),
  args: v.optional(v.pipe(v.array(withoutNul), v.maxLength(4096)), []),
  env: v.optional(env, {}),
  binary: v.optional(binarySchema),
  command: v.optional(commandSchema),
  packages: v.optional(packagesSchema, {}),
  readiness: v.optional(readiness, { kind: "none" }),
  stop: v.optional(stopPolicy, {}),
  soakMs: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(DAY_MS)), 3000),
  publisher: v.optional(v.pipe(withoutNul, v.maxLength(1024)), ""),
});

/**
 * Reads an envelope from its JSON value, with its defaults filled in.
 *
 * @param source - where it is from, for the message
 * @throws NodeError `INVALID_ENVELOPE` naming the field, `INVALID_TITLE`, `RESERVED_TITLE`
 */
export function decodeEnvelope(value: unknown, source: string): Envelope {
  const result = v.safeParse(envelope, value);
  if (!result.success) {
    const [issue] = result.issues;
    throw invalid(source, v.getDotPath(issue) ?? "the document", issue.message);
  }
  const { title, version, args, env, binary, command, packages, readiness, stop, soakMs, publisher } = result.output;
  if (binary && command !== undefined) {
    throw invalid(source, "command", "there is a binary already; one of the two is the program");
  }
  if (!binary && command === undefined) {
    throw invalid(source, "binary", "is missing, and there is no command in a package either");
  }
  const [inPackage = ""] = command?.split("/") ?? [];
  if (command !== undefined && !Object.hasOwn(packages, inPackage)) {
    throw invalid(source, "command", `there is no package ${JSON.stringify(inPackage)}`);
  }
  return {
    title: parseAnyTitle(title),
    version,
    args,
    env,
    ...(binary && { binary }),
    ...(command !== undefined && { command }),
    packages,
    readiness,
    stop,
    soakMs,
    publisher,
  };
}

function invalid(source: string, field: string, why: string): NodeError {
  return new NodeError("INVALID_ENVELOPE", `envelope from ${source}: ${field}: ${why}`, { metadata: { field } });
}

/** Every binary that an envelope names: the program, when it is a single file, and the packages. */
export function binariesOf(envelope: Pick<Envelope, "binary" | "packages">): readonly BinaryRef[] {
  return [...(envelope.binary ? [envelope.binary] : []), ...Object.values(envelope.packages)];
}

/** Whether two envelopes say the same, in every field. */
export function isSameEnvelope(a: Envelope, b: Envelope): boolean {
  return isDeepStrictEqual(plain(a), plain(b));
}

/** As a document holds it: what is undefined is not there. */
function plain(envelope: Envelope): unknown {
  return JSON.parse(JSON.stringify(encodeEnvelope(envelope)));
}

/**
 * Checks what an installation adds to its envelope, by the rules for the envelope's own.
 *
 * @throws NodeError `INVALID_ARGUMENT` naming the field
 */
export function checkAdditions(additions: {
  readonly args?: readonly string[] | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly packages?: Readonly<Record<string, PackageRef>> | undefined;
}): void {
  const { args, env, packages } = envelope.entries;
  const result = v.safeParse(v.object({ args, env, packages }), additions);
  if (!result.success) {
    const issue = result.issues[0];
    const field = v.getDotPath(issue) ?? "args";
    throw new NodeError("INVALID_ARGUMENT", `${field}: ${issue.message}`, { metadata: { field } });
  }
}

/**
 * Reads an envelope from the text of its JSON document.
 *
 * @throws NodeError `INVALID_ENVELOPE` and as {@link decodeEnvelope}
 */
export function parseEnvelope(json: string, source: string): Envelope {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new NodeError("INVALID_ENVELOPE", `envelope from ${source} is not JSON`, { cause: error });
  }
  return decodeEnvelope(value, source);
}

/** The JSON value that {@link decodeEnvelope} reads back. */
export function encodeEnvelope(envelope: Envelope): Readonly<Record<string, unknown>> {
  return { schemaVersion: 1, ...envelope };
}
