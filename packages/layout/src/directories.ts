import { dirname } from "node:path";
import { isErrno } from "@nodemanager/core";
import type { LayoutContext } from "./context.ts";

export const DIRECTORY_MODE = 0o700;

/**
 * Makes a directory and those above it that are missing, each of mode 0700 and durable in its parent when this returns.
 * What exists is left as it is and costs no sync. When it fails, what it made is removed again.
 *
 * @returns what was made, from the top down
 */
export async function makeDirectories(context: LayoutContext, dir: string): Promise<readonly string[]> {
  const made: string[] = [];
  try {
    await make(context, dir, made);
    return made;
  } catch (error) {
    for (const one of made.reverse()) {
      await context.bestEffort(`removing ${one}`, () => context.fs.rmdir(one));
    }
    throw error;
  }
}

async function make(context: LayoutContext, dir: string, made: string[]): Promise<void> {
  try {
    await context.fs.mkdir(dir, DIRECTORY_MODE);
  } catch (error) {
    if (isErrno(error, "EEXIST")) {
      return;
    }
    if (!isErrno(error, "ENOENT")) {
      throw error;
    }
    const before = made.length;
    await make(context, dirname(dir), made);
    if (made.length === before) {
      // What is above is there, and is a dangling link or is being removed.
      throw error;
    }
    await make(context, dir, made);
    return;
  }
  made.push(dir);
  await context.fs.syncDir(dirname(dir));
}
