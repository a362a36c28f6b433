import { NodeError } from "@nodemanager/core";
import type { Release } from "./repository.ts";
import { compareVersions } from "./version.ts";

/**
 * Which envelope of an application a node gets: for the first of its profiles for which there is anything, of the
 * requested version or else of the highest.
 *
 * @param releases - the application's, in any order
 * @throws NodeError `ENVELOPE_NOT_FOUND`, `VERSION_NOT_FOUND`, `PROFILE_MISMATCH` (metadata `supported`, `offered`)
 */
export function selectRelease(
  application: string,
  releases: readonly Release[],
  options: { readonly profiles: readonly string[]; readonly version?: string | undefined },
): { readonly version: string; readonly profile: string } {
  const candidates = releasesOf(application, releases, options.version);
  for (const profile of options.profiles) {
    const [highest] = candidates
      .filter((release) => release.profiles.includes(profile))
      .map((release) => release.version)
      .sort((a, b) => compareVersions(b, a));
    if (highest !== undefined) {
      return { version: highest, profile };
    }
  }
  const supported = options.profiles.join(", ");
  const offered = profilesOf(candidates).join(", ");
  const what = options.version === undefined ? application : `${application}@${options.version}`;
  throw new NodeError(
    "PROFILE_MISMATCH",
    `nothing of ${what} fits this node: it supports ${supported || "no profile"}, offered is ${offered}`,
    { metadata: { supported, offered } },
  );
}

/**
 * The releases that a question is about.
 *
 * @throws NodeError `ENVELOPE_NOT_FOUND`, `VERSION_NOT_FOUND` when there are none
 */
export function releasesOf(
  application: string,
  releases: readonly Release[],
  version: string | undefined,
): readonly Release[] {
  const there = releases.filter((release) => release.application === application && release.profiles.length > 0);
  if (there.length === 0) {
    throw new NodeError("ENVELOPE_NOT_FOUND", `the repository has no application ${JSON.stringify(application)}`, {
      metadata: { application },
    });
  }
  const chosen = version === undefined ? there : there.filter((release) => release.version === version);
  if (chosen.length === 0) {
    throw new NodeError("VERSION_NOT_FOUND", `${JSON.stringify(application)} has no version ${version}`, {
      metadata: { application, version: version ?? "" },
    });
  }
  return chosen;
}

/** Every profile that any of them is for, once, in alphabetical order. */
export function profilesOf(releases: readonly Release[]): readonly string[] {
  return [...new Set(releases.flatMap((release) => release.profiles))].sort();
}
