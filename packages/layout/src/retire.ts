import { dirname, join } from "node:path";
import { DELETED, type LayoutContext } from "./context.ts";

/**
 * Takes something out of its place: at once and for good by one rename, then removes it. When this returns it is
 * durably gone from its place; what could not be removed is removed by the next sweep.
 *
 * Order: rename to `.deleted-*` beside its place, fsync the directory, remove.
 *
 * @throws the errno, `ENOENT` when it is not there
 */
export async function retire(context: LayoutContext, path: string): Promise<void> {
  const deleted = join(dirname(path), DELETED + context.uniqueName());
  await context.fs.rename(path, deleted);
  await context.fs.syncDir(dirname(path));
  await context.bestEffort(`removing ${deleted}`, () => context.fs.removeTree(deleted));
}
