import { NodeError } from "@nodemanager/core";
import { knownProfiles } from "./known-profiles.ts";
import type { Library, Profile, Runnability, Specification } from "./specification.ts";
import { compareBySpecificity } from "./specificity.ts";
import { compareVersions, isVersionPrefix } from "./version.ts";

/**
 * What of the needs a node does not offer, in words; empty when it offers all.
 *
 * - Format, os and architecture are the same, or not asked for.
 * - The C library is of the same family and not older: both families run what was linked with an older one.
 * - Of each library there is one whose version begins with the components that are asked for: `1.1` and `1.1.2` for
 *   `1.1`, anything for the empty version. A higher version is not enough. What follows `.so.` names a binary
 *   interface, and libraries change it exactly because the new one does not replace the old: OpenSSL's `1.1` and `3`,
 *   but also its `1.0.0` and `1.1`.
 */
export function missingFrom(node: Specification, needs: Specification): string[] {
  const missing: string[] = [];
  for (const field of ["format", "os", "arch"] as const) {
    if (needs[field] !== "" && needs[field] !== node[field]) {
      missing.push(`it is for the ${FIELDS[field]} ${needs[field]} and this node has ${node[field]}`);
    }
  }
  const libc = missingLibc(node, needs);
  if (libc !== undefined) {
    missing.push(libc);
  }
  for (const need of needs.libraries) {
    const present = node.libraries.filter((library) => library.name === need.name);
    if (!present.some((library) => isVersionPrefix(need.version, library.version))) {
      const versions = present.map((library) => JSON.stringify(library.version)).join(", ");
      missing.push(`it needs ${fileName(need)}${versions && ` and this node has it in the versions ${versions}`}`);
    }
  }
  return missing;
}

/**
 * The labels of the profiles that a node supports, the most specific first: one that asks for everything that another
 * asks for, and more, comes before it. The order depends on nothing else but the labels.
 */
export function matchProfiles(node: Specification, profiles: readonly Profile[]): string[] {
  return profiles
    .filter((profile) => missingFrom(node, profile.needs).length === 0)
    .sort(compareBySpecificity)
    .map((profile) => profile.label);
}

/**
 * Whether something runs on a node: something made for one of these labels, of which one that the node supports is
 * enough, or a binary with this specification.
 *
 * @throws NodeError `PROFILE_NOT_FOUND` (metadata `profile`) when the node supports none of the labels and does not
 *   know one of them
 * @throws NodeError `INVALID_ARGUMENT` for no labels at all
 */
export function isRunnable(
  node: Specification,
  needs: Specification | readonly string[],
  known: readonly Profile[] = knownProfiles,
): Runnability {
  if ("format" in needs) {
    const missing = missingFrom(node, needs);
    return missing.length === 0
      ? { runnable: true, reason: "this node offers everything that it asks for" }
      : { runnable: false, reason: missing.join("; ") };
  }
  return isAnyRunnable(node, needs, known);
}

function isAnyRunnable(node: Specification, labels: readonly string[], known: readonly Profile[]): Runnability {
  const unknown: string[] = [];
  const reasons: string[] = [];
  for (const label of labels) {
    const profile = known.find((candidate) => candidate.label === label);
    if (!profile) {
      unknown.push(label);
      continue;
    }
    const missing = missingFrom(node, profile.needs);
    if (missing.length === 0) {
      return { runnable: true, reason: `this node supports the profile ${label}` };
    }
    reasons.push(`${label}: ${missing.join("; ")}`);
  }
  const [first] = unknown;
  if (first !== undefined) {
    throw new NodeError("PROFILE_NOT_FOUND", `this node knows no profile ${JSON.stringify(first)}`, {
      metadata: { profile: first },
    });
  }
  if (reasons.length === 0) {
    throw new NodeError("INVALID_ARGUMENT", "no profile and no specification was given");
  }
  return { runnable: false, reason: reasons.join("; ") };
}

const FIELDS = { format: "format", os: "operating system", arch: "architecture" };

function missingLibc(node: Specification, needs: Specification): string | undefined {
  const need = needs.libc;
  if (!need?.family) {
    return undefined;
  }
  if (node.libc?.family === need.family && compareVersions(node.libc.version, need.version) >= 0) {
    return undefined;
  }
  const present = node.libc
    ? `has ${node.libc.family} ${node.libc.version}`.trimEnd()
    : "has no C library that is known";
  return `it needs ${`${need.family} ${need.version}`.trimEnd()} and this node ${present}`;
}

function fileName(library: Library): string {
  return `lib${library.name}.so${library.version && `.${library.version}`}`;
}
