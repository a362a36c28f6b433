import { OWNERS_OF_PROCESS, OWNERS_OF_SIGNALS } from "./directions.ts";
import { reachableFrom, sourceOfEntry } from "./entries.ts";
import type { SourceFile, WorkspacePackage } from "./read-workspace.ts";
import type { Violation } from "./violation.ts";

const PROCESS = /\bprocess\s*(?:\.\s*|\[["'])(env|argv|argv0|execArgv|exit|exitCode)\b/;
const FROM_PROCESS = /\bimport\b[^;]*\b(env|argv|argv0|execArgv|exit|exitCode)\b[^;]*\bfrom "node:process"/;
const SIGNALS = /\bprocess\s*\.\s*(kill)\b/;
const FROM_PROCESS_SIGNALS = /\bimport\b[^;]*\b(kill)\b[^;]*\bfrom "node:process"/;

/** Only programs read the environment and the arguments and end the process; only `exec` sends signals. */
export function checkProcess(pkg: WorkspacePackage): Violation[] {
  if (pkg.kind === "tool") {
    return [];
  }
  return [
    ...find(pkg, [PROCESS, FROM_PROCESS], OWNERS_OF_PROCESS, "takes it as an argument from a program"),
    ...find(pkg, [SIGNALS, FROM_PROCESS_SIGNALS], OWNERS_OF_SIGNALS, "leaves signals to exec"),
  ];
}

function find(
  pkg: WorkspacePackage,
  expressions: readonly RegExp[],
  owners: readonly string[],
  advice: string,
): Violation[] {
  if (owners.includes(pkg.name)) {
    return [];
  }
  const exempt = new Set<SourceFile>();
  for (const owner of owners) {
    const entry = sourceOfEntry(pkg, owner);
    for (const source of entry ? reachableFrom(pkg, entry) : []) {
      exempt.add(source);
    }
  }
  return pkg.sources
    .filter((source) => !exempt.has(source))
    .flatMap((source) =>
      source.code.split("\n").flatMap((text, index) => {
        const name = expressions.map((expression) => expression.exec(text)?.[1]).find((match) => match !== undefined);
        return name === undefined
          ? []
          : [{ file: source.file, line: index + 1, message: `uses process.${name}: ${pkg.name} ${advice}` }];
      }),
    );
}
