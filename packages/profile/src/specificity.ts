import type { Library, Profile, Specification } from "./specification.ts";
import { compareText, compareVersions, components, isVersionPrefix } from "./version.ts";

/**
 * Orders profiles by how much they ask for, the most first, then by label.
 *
 * The weight grows with every need and every component of a library's version, so whatever asks for all that another
 * asks for and more comes first; C library versions, of which one implies the lower ones, decide between equal weights.
 */
export function compareBySpecificity(a: Profile, b: Profile): number {
  return (
    weight(b.needs) - weight(a.needs) ||
    compareVersions(b.needs.libc?.version ?? "", a.needs.libc?.version ?? "") ||
    compareText(a.label, b.label)
  );
}

function weight(needs: Specification): number {
  const fields = [needs.format, needs.os, needs.arch, needs.libc?.family, needs.libc?.family && needs.libc.version];
  let sum = fields.filter(Boolean).length;
  for (const library of withoutImplied(needs.libraries)) {
    sum += 1 + components(library.version).length;
  }
  return sum;
}

/** Drops what another of the needs asks for already, so that saying something twice does not weigh twice. */
function withoutImplied(libraries: readonly Library[]): Library[] {
  return libraries.filter(
    (library, i) =>
      !libraries.some(
        (other, j) =>
          i !== j &&
          other.name === library.name &&
          isVersionPrefix(library.version, other.version) &&
          (other.version !== library.version || j < i),
      ),
  );
}
