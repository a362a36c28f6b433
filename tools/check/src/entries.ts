import { posix } from "node:path";
import type { SourceFile, WorkspacePackage } from "./read-workspace.ts";

/** The source of an entry such as `exec/child` or `core`; nothing when the entry is not this package's. */
export function sourceOfEntry(pkg: WorkspacePackage, entry: string): SourceFile | undefined {
  const [name, subpath] = entry.split("/");
  if (name !== pkg.name) {
    return undefined;
  }
  const target = pkg.manifest.exports?.[subpath === undefined ? "." : `./${subpath}`];
  const file = sourceOf(target);
  return pkg.sources.find((source) => source.file === posix.join(pkg.dir, file ?? ""));
}

/** The `@nodemanager/source` of a value in `exports`. */
export function sourceOf(target: unknown): string | undefined {
  const conditions = typeof target === "object" && target !== null ? Object.entries(target) : [];
  const source: unknown = conditions.find(([condition]) => condition === "@nodemanager/source")?.[1];
  return typeof source === "string" ? source : undefined;
}

/** A file and everything of its package that it imports, directly or through others. */
export function reachableFrom(pkg: WorkspacePackage, start: SourceFile): Set<SourceFile> {
  const reached = new Set<SourceFile>();
  const waiting: (SourceFile | undefined)[] = [start];
  while (waiting.length > 0) {
    const source = waiting.pop();
    if (!source || reached.has(source)) {
      continue;
    }
    reached.add(source);
    for (const { specifier } of source.imports.filter(({ specifier }) => specifier.startsWith("."))) {
      const file = posix.normalize(posix.join(posix.dirname(source.file), specifier));
      waiting.push(pkg.sources.find((candidate) => candidate.file === file));
    }
  }
  return reached;
}
