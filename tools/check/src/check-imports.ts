import { posix } from "node:path";
import { DIRECTIONS, ENTRY_DIRECTIONS, TEST_PACKAGE } from "./directions.ts";
import { reachableFrom, sourceOf, sourceOfEntry } from "./entries.ts";
import type { Import } from "./imports.ts";
import { type Manifest, SCOPE, type SourceFile, type WorkspacePackage } from "./read-workspace.ts";
import type { Violation } from "./violation.ts";

/** The directions: of what a package declares, of what its source and its entries import, of what its tests import. */
export function checkImports(pkg: WorkspacePackage, workspace: readonly WorkspacePackage[]): Violation[] {
  const violations = [...pkg.sources.flatMap((source) => checkRelative(pkg, source, "src"))];
  violations.push(...pkg.tests.flatMap((test) => checkRelative(pkg, test, "test")));
  violations.push(...checkDeclared(pkg, workspace));
  if (pkg.kind === "tool") {
    return violations;
  }
  const allowed = DIRECTIONS[pkg.name];
  if (!allowed) {
    const message = `the package ${pkg.name} is not in tools/check/src/directions.ts: say there what it may import`;
    return [...violations, { file: `${pkg.dir}/package.json`, message }];
  }
  for (const source of pkg.sources) {
    violations.push(...checkDirection(source, allowed, pkg.name));
  }
  for (const [entry, entryAllowed] of Object.entries(ENTRY_DIRECTIONS)) {
    const source = sourceOfEntry(pkg, entry);
    for (const reached of source ? reachableFrom(pkg, source) : []) {
      violations.push(...checkDirection(reached, entryAllowed, entry));
    }
  }
  return violations;
}

/** Imports of other packages in one file, against what its package or entry may import. */
function checkDirection(source: SourceFile, allowed: readonly string[], who: string): Violation[] {
  return workspaceImports(source)
    .filter(({ target, isType }) => !isAllowed(target, isType, allowed))
    .map(({ target, line, isType }) => ({
      file: source.file,
      line,
      message: `${who} may not import ${isType ? "types of " : ""}${target}; it may import ${allowed.join(", ") || "no other package"}`,
    }));
}

function isAllowed(target: string, isType: boolean, allowed: readonly string[]): boolean {
  const [name = ""] = target.split("/");
  return allowed.some((entry) => {
    const isTypeOnly = entry.startsWith("type ");
    const plain = isTypeOnly ? entry.slice("type ".length) : entry;
    return (plain === name || plain === target) && (isType || !isTypeOnly);
  });
}

/** Source stays within its folder; tests import what is public by its name; files are named as they are. */
function checkRelative(pkg: WorkspacePackage, source: SourceFile, folder: "src" | "test"): Violation[] {
  const violations: Violation[] = [];
  for (const { specifier, line } of source.imports.filter(({ specifier }) => specifier.startsWith("."))) {
    const target = posix.normalize(posix.join(posix.dirname(source.file), specifier));
    const isInside =
      target.startsWith(`${pkg.dir}/${folder}/`) ||
      target === `${pkg.dir}/package.json` ||
      (folder === "test" && target.startsWith(`${pkg.dir}/src/`) && !isEntry(pkg, target));
    if (!isInside) {
      violations.push({ file: source.file, line, message: `${specifier} is to be imported by its package's name` });
    }
    if (!/\.(?:ts|mts|mjs|json)$/.test(specifier)) {
      violations.push({ file: source.file, line, message: `${specifier} lacks the file's extension` });
    }
  }
  return violations;
}

function isEntry(pkg: WorkspacePackage, file: string): boolean {
  return Object.values(pkg.manifest.exports ?? {}).some(
    (target) => posix.join(pkg.dir, sourceOf(target) ?? "") === file,
  );
}

/** What is imported is declared, and what is declared is in the direction. */
function checkDeclared(pkg: WorkspacePackage, workspace: readonly WorkspacePackage[]): Violation[] {
  const violations: Violation[] = [];
  const file = `${pkg.dir}/package.json`;
  const dependencies = workspaceNames(pkg.manifest.dependencies);
  const devDependencies = workspaceNames(pkg.manifest.devDependencies);
  const allowed = (DIRECTIONS[pkg.name] ?? []).map((entry) => entry.replace(/^type /, "").replace(/\/.*/, ""));
  for (const name of dependencies) {
    if (pkg.kind !== "tool" && !allowed.includes(name)) {
      violations.push({ file, message: `${pkg.name} may not depend on ${name}` });
    }
  }
  for (const name of devDependencies) {
    if (name !== TEST_PACKAGE && dependsOn(name, pkg.name, workspace)) {
      violations.push({ file, message: `${name} depends on ${pkg.name}, so ${pkg.name} may not test with it` });
    }
  }
  for (const [files, declared, where] of [
    [pkg.sources, dependencies, "dependencies"],
    [pkg.tests, [pkg.name, ...dependencies, ...devDependencies], "dependencies or devDependencies"],
  ] as const) {
    for (const source of files) {
      for (const { target, line } of workspaceImports(source)) {
        const [name = ""] = target.split("/");
        if (!declared.includes(name)) {
          violations.push({ file: source.file, line, message: `${name} is not in the ${where} of ${file}` });
        }
      }
    }
  }
  return violations;
}

/** Whether `name` depends on `on`, directly or through others. */
function dependsOn(name: string, on: string, workspace: readonly WorkspacePackage[]): boolean {
  const seen = new Set<string>();
  const waiting = [name];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (next === on) {
      return true;
    }
    if (!seen.has(next)) {
      seen.add(next);
      waiting.push(...workspaceNames(workspace.find((pkg) => pkg.name === next)?.manifest.dependencies));
    }
  }
  return false;
}

function workspaceNames(dependencies: Manifest["dependencies"]): string[] {
  return Object.keys(dependencies ?? {})
    .filter((name) => name.startsWith(SCOPE))
    .map((name) => name.slice(SCOPE.length));
}

function workspaceImports(source: SourceFile): (Import & { readonly target: string })[] {
  return source.imports
    .filter(({ specifier }) => specifier.startsWith(SCOPE))
    .map((imported) => ({ ...imported, target: imported.specifier.slice(SCOPE.length) }));
}
