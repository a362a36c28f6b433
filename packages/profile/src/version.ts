/**
 * Orders dotted versions by their components: as numbers where both are numbers, as text otherwise. `2.9` is below
 * `2.36`, `2.36` below `2.36.1`, the empty version below all.
 */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [components(a), components(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const order = compareComponents(left[i], right[i]);
    if (order !== 0) {
      return order;
    }
  }
  return 0;
}

/** Whether the components of `prefix` are the first components of `version`: `1.1` of `1.1.2`, but not of `1.10`. */
export function isVersionPrefix(prefix: string, version: string): boolean {
  const all = components(version);
  return components(prefix).every((component, i) => component === all[i]);
}

/** The empty version has none. */
export function components(version: string): string[] {
  return version === "" ? [] : version.split(".");
}

function compareComponents(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) {
    return a === b ? 0 : a === undefined ? -1 : 1;
  }
  const [aIsNumber, bIsNumber] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (aIsNumber !== bIsNumber) {
    // Otherwise the order would not be transitive: 10 < 9a as text, 9a < 9b, 9 < 10 as numbers.
    return aIsNumber ? -1 : 1;
  }
  if (aIsNumber) {
    // By length first: a component may have more digits than a number holds.
    const [x, y] = [a.replace(/^0+(?=\d)/, ""), b.replace(/^0+(?=\d)/, "")];
    return x.length - y.length || compareText(x, y);
  }
  return compareText(a, b);
}

/** By code units: the same on every machine, whatever its locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
