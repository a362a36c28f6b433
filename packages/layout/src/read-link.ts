import { isErrno } from "@nodemanager/core";
import type { LayoutContext } from "./context.ts";
import { corrupt } from "./document.ts";

/**
 * What a symbolic link holds; undefined when nothing has its name.
 *
 * @throws NodeError `STORE_CORRUPT` when something else has it
 */
export async function readLinkIfThere(context: LayoutContext, link: string): Promise<string | undefined> {
  try {
    return await context.fs.readlink(link);
  } catch (error) {
    if (isErrno(error, "ENOENT")) {
      return undefined;
    }
    throw isErrno(error, "EINVAL") ? corrupt(link, "", "is not a symbolic link", error) : error;
  }
}
