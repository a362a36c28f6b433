import { dirname } from "node:path";
import { isErrno } from "@nodemanager/core";
import type { LayoutContext } from "./context.ts";

export const DIRECTORY_MODE = 0o700;

/**
 * Makes a directory and those above it that are missing, each of mode 0700 and durable in its parent when this returns.
 * What exists is left as it is and costs no sync.
 *
 * @returns the topmost directory that was made, undefined when all were there
 */
export async function makeDirectories(context: LayoutContext, dir: string): Promise<string | undefined> {
  try {
    await context.fs.mkdir(dir, DIRECTORY_MODE);
  } catch (error) {
    if (isErrno(error, "EEXIST")) {
      return undefined;
    }
    if (!isErrno(error, "ENOENT") || dirname(dir) === dir) {
      throw error;
    }
    const above = await makeDirectories(context, dirname(dir));
    const made = await makeDirectories(context, dir);
    return above ?? made;
  }
  await context.fs.syncDir(dirname(dir));
  return dir;
}
