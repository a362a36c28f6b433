import semver from "semver";

/** Whether the text is a semantic version as semver.org has it: no `v` in front, nothing left out. */
export function isVersion(text: string): boolean {
  return text.length <= 128 && /^\d/.test(text) && !/\s/.test(text) && semver.valid(text) !== null;
}

/**
 * Orders versions by their precedence. Versions that differ in build metadata only have the same precedence; here the
 * metadata decides, so that the order is total.
 */
export function compareVersions(a: string, b: string): number {
  return semver.compareBuild(a, b) || (a < b ? -1 : a > b ? 1 : 0);
}
