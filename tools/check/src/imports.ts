/** One import in a source file. */
export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** `import type` or `export type`: nothing of it is left at run time. */
  readonly isType: boolean;
}

const STATIC =
  /^[ \t]*(?:import|export)\b(?<kind>\s+type\b(?!\s*[,}]|\s+from))?[^;"'`]*?\bfrom\s*["'](?<specifier>[^"']+)["']/gm;
const SIDE_EFFECT = /^[ \t]*import\s*["'](?<specifier>[^"']+)["']/gm;
const DYNAMIC = /\bimport\(\s*["'`](?<specifier>[^"'`]+)["'`]/g;

/**
 * The imports of a module, in the form that the formatter gives them. TypeScript 7 has no parser to ask; a comment in
 * the middle of an import would hide it, and nothing formatted here has one.
 */
export function findImports(source: string): Import[] {
  const code = withoutComments(source);
  return [STATIC, SIDE_EFFECT, DYNAMIC].flatMap((expression) =>
    [...code.matchAll(expression)].map((match) => ({
      specifier: match.groups?.specifier ?? "",
      // The specifier is on the last line of the match.
      line: code.slice(0, match.index + match[0].length).split("\n").length,
      isType: match.groups?.kind !== undefined,
    })),
  );
}

/** Empties the lines that hold nothing but a comment, so that examples in docstrings do not count. */
export function withoutComments(source: string): string {
  return source
    .split("\n")
    .map((line) => (/^\s*(?:\*|\/\/|\/\*)/.test(line) ? "" : line))
    .join("\n");
}
