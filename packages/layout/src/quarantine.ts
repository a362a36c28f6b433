import { basename, dirname, join } from "node:path";
import type { LayoutContext } from "./context.ts";
import { makeDirectories } from "./directories.ts";

/**
 * Moves what is in the way and not ours to read out of the way, without deleting it.
 *
 * @returns where it is now: `quarantine/<name>.<unique>`
 */
export async function quarantine(context: LayoutContext, root: string, path: string): Promise<string> {
  const dir = join(root, "quarantine");
  await makeDirectories(context, dir);
  const place = join(dir, `${basename(path)}.${context.uniqueName()}`);
  await context.fs.rename(path, place);
  await context.fs.syncDir(dirname(path));
  await context.fs.syncDir(dir);
  context.logger.warn("moved to quarantine what was in the way", { from: path, to: place });
  return place;
}
