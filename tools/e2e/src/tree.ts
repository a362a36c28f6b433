import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

/**
 * What is in a directory: for every path below it its kind, permissions and content, a line each, so that two of them
 * can be compared. Times are left out.
 */
export function treeOf(dir: string): readonly string[] {
  const lines: string[] = [];
  const visit = (path: string, shown: string) => {
    const stat = lstatSync(path);
    const mode = (stat.mode & 0o7777).toString(8);
    if (stat.isDirectory()) {
      lines.push(`${shown}/ ${mode}`);
      for (const name of readdirSync(path).sort()) {
        visit(join(path, name), `${shown}/${name}`);
      }
    } else if (stat.isSymbolicLink()) {
      lines.push(`${shown} -> ${readlinkSync(path)}`);
    } else if (stat.isFile()) {
      lines.push(`${shown} ${mode} ${stat.size} ${createHash("sha256").update(readFileSync(path)).digest("hex")}`);
    } else {
      lines.push(`${shown} ${mode} other`);
    }
  };
  visit(dir, ".");
  return lines;
}

/** The paths below a directory that are temporary: what nobody may find once everything has settled. */
export function leftoversIn(dir: string): readonly string[] {
  return treeOf(dir).filter((line) => /\/\.(incoming|deleted)-/.test(line));
}
