import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** What esbuild says of a bundle, as far as it is looked at. */
interface Metafile {
  readonly outputs: Readonly<Record<string, { readonly inputs: Readonly<Record<string, unknown>> }>>;
}

/**
 * The licence of every package of others in a bundle, with its text, as those licences ask for.
 *
 * @param metafile - of the bundle; paths in it are relative to `base`
 * @throws Error for a package without a text: it may not be passed on
 */
export function licensesOf(metafile: string, base: string): string {
  const { outputs }: Metafile = JSON.parse(readFileSync(metafile, "utf8"));
  const packages = new Map<string, string[]>();
  for (const input of Object.values(outputs).flatMap(({ inputs }) => Object.keys(inputs))) {
    const [dir] = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(input) ?? [];
    if (dir !== undefined) {
      const files = packages.get(join(base, dir)) ?? [];
      packages.set(join(base, dir), [...files, join(base, input)]);
    }
  }
  return [...packages]
    .map(([dir, files]) => licenseOf(dir, files))
    .sort()
    .join(`\n${"-".repeat(80)}\n\n`);
}

function licenseOf(dir: string, files: readonly string[]): string {
  const { name, version, license }: Record<string, string> = JSON.parse(
    readFileSync(join(dir, "package.json"), "utf8"),
  );
  const own = readdirSync(dir)
    .filter((file) => /^(?:licen[cs]e|copying|notice)/i.test(file))
    .map((file) => readFileSync(join(dir, file), "utf8").trim());
  const texts = own.length > 0 ? own : headersOf(files);
  if (texts.length === 0) {
    throw new Error(`${name} ${version} (${license}) has no text of its licence`);
  }
  return `${name} ${version}: ${license}\n\n${texts.join("\n\n")}\n`;
}

/** What stands at the top of the files of a package that has its licence nowhere else. */
function headersOf(files: readonly string[]): string[] {
  const headers = files.map((file) => /^(?:\/\/.*\n)+/.exec(readFileSync(file, "utf8"))?.[0] ?? "");
  return [...new Set(headers)]
    .filter((header) => header.includes("Copyright"))
    .map((header) => header.replace(/^\/\/ ?/gm, "").trim())
    .sort();
}
