import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  lutimesSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

/** One file of a package. */
export type Entry =
  | { readonly kind: "text"; readonly text: string | Uint8Array; readonly mode?: number }
  | { readonly kind: "copy"; readonly of: string; readonly mode?: number }
  | { readonly kind: "link"; readonly target: string };

/** By path below the root, without a slash in front. */
export type Entries = Readonly<Record<string, Entry>>;

/** Writes the files into a new directory; everything in it gets the given time, in seconds. */
export function writeTree(dir: string, entries: Entries, time: number): void {
  const directories = new Set([dir]);
  for (const [path, entry] of Object.entries(entries)) {
    const file = join(dir, path);
    for (let above = dirname(path); above !== "."; above = dirname(above)) {
      directories.add(join(dir, above));
    }
    mkdirSync(dirname(file), { recursive: true });
    writeEntry(file, entry);
    lutimesSync(file, time, time);
  }
  for (const directory of directories) {
    chmodSync(directory, 0o755);
    lutimesSync(directory, time, time);
  }
}

/** What `md5sums` of a package holds: every file that is not a link, and not configuration. */
export function checksums(dir: string, entries: Entries): string {
  return Object.entries(entries)
    .filter(([path, { kind }]) => kind !== "link" && !path.startsWith("etc/"))
    .map(
      ([path]) =>
        `${createHash("md5")
          .update(readFileSync(join(dir, path)))
          .digest("hex")}  ${path}\n`,
    )
    .sort((a, b) => (a.slice(34) < b.slice(34) ? -1 : 1))
    .join("");
}

/** In KiB, as `Installed-Size` has it: each file rounded up, and one for everything else. */
export function installedSize(dir: string, entries: Entries): number {
  return Object.entries(entries).reduce(
    (sum, [path, { kind }]) => sum + (kind === "link" ? 1 : Math.ceil(statSync(join(dir, path)).size / 1024)),
    0,
  );
}

function writeEntry(file: string, entry: Entry): void {
  switch (entry.kind) {
    case "text":
      writeFileSync(file, entry.text);
      break;
    case "copy":
      copyFileSync(entry.of, file);
      break;
    case "link":
      symlinkSync(entry.target, file);
      return;
  }
  chmodSync(file, entry.mode ?? 0o644);
}
