/**
 * A semantic version as Debian has it: what comes before a release sorts before it, with `~`.
 *
 * @throws Error for what is no semantic version
 */
export function debianVersion(version: string): string {
  const [, core, prerelease, build] =
    /^(\d+\.\d+\.\d+)(?:-([0-9A-Za-z.-]+))?(?:\+([0-9A-Za-z.-]+))?$/.exec(version) ?? [];
  if (core === undefined) {
    throw new Error(`${JSON.stringify(version)} is no semantic version`);
  }
  // A hyphen would set off a revision of the packaging, which this has none of.
  const written = (text: string) => text.replaceAll("-", ".");
  return `${core}${prerelease === undefined ? "" : `~${written(prerelease)}`}${build === undefined ? "" : `+${written(build)}`}`;
}
