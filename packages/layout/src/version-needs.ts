import { basename, join } from "node:path";
import { hasReason, type InstallationName, isErrno } from "@nodemanager/core";
import type { LayoutContext } from "./context.ts";
import { readDocument } from "./document.ts";
import { moveDocument } from "./documents.ts";
import { InstallationReader } from "./installation-reader.ts";
import { InstanceReader, MOVED } from "./instance-reader.ts";
import { INSTANCES, installationDir, parseInstanceDirName } from "./paths.ts";
import { VersionReader } from "./version-reader.ts";

/**
 * The names of the versions that an installation cannot do without: the current one, the one before it, and those that
 * its instances pin or may go back to. Undefined when that cannot be told: the installation is not in use any more, or
 * something cannot be read.
 */
export async function neededVersions(
  context: LayoutContext,
  root: string,
  name: InstallationName,
): Promise<ReadonlySet<string> | undefined> {
  const dir = installationDir(root, name);
  try {
    const current = await new InstallationReader(context, root).currentVersion(dir);
    if (current === undefined) {
      return undefined;
    }
    const previous = await new VersionReader(context).previous(current);
    const needed = new Set([current, ...(previous === undefined ? [] : [previous])].map((path) => basename(path)));
    for (const { name: entry } of await context.fs.readdir(join(dir, INSTANCES))) {
      if (parseInstanceDirName(entry)?.stopped === false) {
        for (const version of await neededByInstance(context, root, join(dir, INSTANCES, entry))) {
          needed.add(version);
        }
      }
    }
    return needed;
  } catch (error) {
    if (hasReason(error, "STORE_CORRUPT") || isErrno(error, "ENOENT", "ENOTDIR")) {
      context.logger.info("which versions are needed cannot be told", { installation: dir, error });
      return undefined;
    }
    throw error;
  }
}

async function neededByInstance(context: LayoutContext, root: string, dir: string): Promise<string[]> {
  const pinned = basename(await new InstanceReader(context, root).pinnedVersion(dir));
  try {
    const { trial, from, to } = (await readDocument(context.fs, join(dir, MOVED), moveDocument)).value;
    return trial && to === pinned ? [pinned, from] : [pinned];
  } catch (error) {
    if (isErrno(error, "ENOENT")) {
      return [pinned];
    }
    throw error;
  }
}
