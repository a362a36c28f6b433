import type { Envelope } from "@nodemanager/core";
import type { Change } from "../operation.ts";

/**
 * What is different in another envelope: version and publisher first, then what is run, then how. Empty when and only
 * when the two say the same. Pure.
 */
export function diffEnvelopes(from: Envelope, to: Envelope): readonly Change[] {
  const before = fieldsOf(from);
  const after = fieldsOf(to);
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((field) => before.get(field) !== after.get(field))
    .map((field) => ({ field, from: before.get(field) ?? "", to: after.get(field) ?? "" }))
    .sort((a, b) => rank(a) - rank(b) || (a.field < b.field ? -1 : 1));
}

/** The groups in the order in which people want to read them. */
const ORDER = [
  "title",
  "version",
  "publisher",
  "binary",
  "command",
  "packages",
  "args",
  "env",
  "readiness",
  "stop",
  "soak",
];

function rank({ field }: Change): number {
  return ORDER.indexOf(field.split(".", 1)[0] ?? "");
}

/** Every field that is there, as text, by its name. */
function fieldsOf(envelope: Envelope): ReadonlyMap<string, string> {
  const { title, version, publisher, binary, command, packages, args, env, readiness, stop, soakMs } = envelope;
  return new Map([
    ["title", title],
    ["version", version],
    ["publisher", publisher],
    ...(binary ? [["binary.sha256", binary.sha256] as const, ["binary.size", `${binary.sizeBytes}`] as const] : []),
    ...(command === undefined ? [] : [["command", command] as const]),
    ...Object.entries(packages).flatMap(([name, { sha256, sizeBytes, format }]) => [
      [`packages.${name}.sha256`, sha256] as const,
      [`packages.${name}.size`, `${sizeBytes}`] as const,
      [`packages.${name}.format`, format] as const,
    ]),
    ...(args.length === 0 ? [] : [["args", JSON.stringify(args)] as const]),
    ...Object.entries(env).map(([key, value]) => [`env.${key}`, value] as const),
    ["readiness", words(readiness)],
    ["stop", words(stop)],
    ["soak", `${soakMs} ms`],
  ]);
}

/** `kind=tcp host=127.0.0.1 port=6379`; nothing that can be in it looks like two of them. */
function words(policy: object): string {
  return Object.entries(policy)
    .map(([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .sort()
    .join(" ");
}
