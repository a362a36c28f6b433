import { basename, dirname, join } from "node:path";
import { INCOMING, type LayoutContext } from "./context.ts";

/**
 * Points a symbolic link at something else: at every moment it means the old target or the new one.
 *
 * Order: remove what a crash left of an earlier swap, symlink under a temporary name beside the link, rename over it,
 * fsync the directory.
 *
 * @param target - what the link holds; relative to the link's directory, so that the tree can be moved
 * @throws the errno; when it is that of the last fsync, the link is the old one or the new one
 */
export async function swapLink(context: LayoutContext, link: string, target: string): Promise<void> {
  const dir = dirname(link);
  const prefix = `${INCOMING}${basename(link)}-`;
  for (const entry of await context.fs.readdir(dir)) {
    // Only our kind: the directory of a manager's current link is not ours.
    if (entry.kind === "symlink" && entry.name.startsWith(prefix)) {
      await context.fs.unlink(join(dir, entry.name));
    }
  }
  const temporary = join(dir, prefix + context.uniqueName());
  await context.fs.symlink(target, temporary);
  try {
    await context.fs.rename(temporary, link);
  } catch (error) {
    await context.bestEffort(`removing ${temporary}`, () => context.fs.unlink(temporary));
    throw error;
  }
  await context.fs.syncDir(dir);
}
