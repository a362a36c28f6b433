import { checkImports } from "./check-imports.ts";
import { checkManifest } from "./check-manifest.ts";
import { checkProcess } from "./check-process.ts";
import { DIRECTIONS } from "./directions.ts";
import { readWorkspace } from "./read-workspace.ts";
import type { Violation } from "./violation.ts";

/** Everything in which a workspace breaks the rules of CONTRIBUTING.md; empty when it keeps them. */
export function checkWorkspace(root: string): Violation[] {
  const workspace = readWorkspace(root);
  const found = new Set(workspace.map(({ name }) => name));
  return [
    ...workspace.flatMap((pkg) => [...checkManifest(root, pkg), ...checkImports(pkg, workspace), ...checkProcess(pkg)]),
    // A rule for a package that is gone, or was renamed, guards nothing.
    ...Object.keys(DIRECTIONS)
      .filter((name) => !found.has(name))
      .map((name) => ({ file: "tools/check/src/directions.ts", message: `there is no package ${name}` })),
  ];
}
