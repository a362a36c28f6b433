import { isErrno } from "@nodemanager/core";
import type { LayoutContext } from "./context.ts";

/** Whether something has this name; a dangling symbolic link does. */
export async function exists(context: LayoutContext, path: string): Promise<boolean> {
  try {
    await context.fs.stat(path);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) {
      return false;
    }
    throw error;
  }
}
