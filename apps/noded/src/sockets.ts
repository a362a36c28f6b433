import { lstat, mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { NodeError } from "@nodemanager/core";
import type { Address } from "@nodemanager/transport";

/**
 * Makes the directories of unix sockets, 0700, and refuses one in which others could put a socket in place of ours.
 *
 * @throws NodeError `INVALID_CONFIG`
 */
export async function prepareSocketDirs(listen: readonly Address[], uid: number): Promise<void> {
  for (const address of listen) {
    if (address.kind !== "unix") {
      continue;
    }
    const dir = dirname(address.path);
    try {
      await mkdir(dir, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw new NodeError(
        "INVALID_CONFIG",
        `the directory ${dir} of the socket cannot be made; make it, or name another with --listen`,
        { cause: error },
      );
    }
    const { mode, uid: owner } = await lstat(dir);
    const isSticky = (mode & 0o1000) !== 0;
    if ((owner !== uid && owner !== 0) || ((mode & 0o022) !== 0 && !isSticky)) {
      throw new NodeError("INVALID_CONFIG", `others can write to ${dir}: the socket needs a directory of its own`);
    }
  }
}
