import { parseArgs } from "node:util";
import { ARCHES, type Arch } from "./arch.ts";

export const PARTS = ["scripts", "executables", "deb"] as const;
export type Part = (typeof PARTS)[number];

export const COMPRESSIONS = ["xz", "zstd", "gzip", "none"] as const;
export type Compression = (typeof COMPRESSIONS)[number];

/** What is to be made. */
export interface Options {
  readonly parts: ReadonlySet<Part>;
  readonly arches: readonly Arch[];
  readonly compression: Compression;
}

export const USAGE = `usage: npm run package -- [--only ${PARTS.join("|")}]... [--arch ${ARCHES.join("|")}]... [--compression ${COMPRESSIONS.join("|")}]
`;

/**
 * Reads the arguments; without any, everything is made, compressed as for a release.
 *
 * @throws Error for what is not among the choices
 */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string", multiple: true },
      arch: { type: "string", multiple: true },
      compression: { type: "string", default: "xz" },
    },
    strict: true,
    allowPositionals: false,
  });
  return {
    parts: new Set(chosen("--only", values.only ?? PARTS, PARTS)),
    arches: chosen("--arch", values.arch ?? ARCHES, ARCHES),
    compression: choice("--compression", values.compression, COMPRESSIONS),
  };
}

function chosen<T extends string>(flag: string, given: readonly string[], choices: readonly T[]): T[] {
  return [...new Set(given.map((text) => choice(flag, text, choices)))];
}

function choice<T extends string>(flag: string, text: string, choices: readonly T[]): T {
  const found = choices.find((one) => one === text);
  if (found === undefined) {
    throw new Error(`${flag}: ${JSON.stringify(text)} is none of ${choices.join(", ")}`);
  }
  return found;
}
