import { statSync } from "node:fs";
import { dirname } from "node:path";

/** Whether users that own nothing here get to a file or directory by its path, and may run or pass it. */
export function mayEverybodyPass(path: string): boolean {
  const parent = dirname(path);
  return (statSync(path).mode & 0o001) !== 0 && (parent === path || mayEverybodyPass(parent));
}
