import { join } from "node:path";
import { isErrno } from "@nodemanager/core";
import type { LayoutContext } from "./context.ts";
import { VERSION } from "./instance-reader.ts";
import { PACKAGES } from "./paths.ts";

/** By way of the instance's own link, so that it means the packages of whatever version the instance has. */
const TARGET = `../${VERSION}/${PACKAGES}`;

/**
 * Gives a workspace its link to the packages of the version that it pins. What the application itself has under that
 * name stays. It needs no sync: it is made again at the next launch.
 */
export async function linkPackages(context: LayoutContext, rootDir: string): Promise<void> {
  try {
    await context.fs.symlink(TARGET, join(rootDir, PACKAGES));
  } catch (error) {
    if (!isErrno(error, "EEXIST")) {
      throw error;
    }
  }
}
