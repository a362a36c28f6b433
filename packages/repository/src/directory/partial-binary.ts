import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { isErrno } from "@nodemanager/core";
import type { RepositoryDir } from "./repository-dir.ts";

/** An upload that wrote nothing for so long may be taken over: it crashed, or its connection is dead. */
export const IDLE_AFTER_MS: number = 2_000;

/** Where the bytes of an unfinished upload wait for the next one. An upload under way adds a suffix of its own. */
export function partialPath(dir: RepositoryDir, sha256: string): string {
  return join(dir.binaries, `.incoming-${sha256}`);
}

/** The largest file with bytes of a binary that no living upload is writing to. */
export async function findPartial(
  dir: RepositoryDir,
  sha256: string,
): Promise<{ readonly path: string; readonly sizeBytes: number } | undefined> {
  const resting = partialPath(dir, sha256);
  let largest: { path: string; sizeBytes: number } | undefined;
  for (const name of await namesIn(dir.binaries)) {
    const path = join(dir.binaries, name);
    if (path !== resting && !path.startsWith(`${resting}.`)) {
      continue;
    }
    try {
      const { size, mtimeMs } = await stat(path);
      const idle = path === resting || Date.now() - mtimeMs > IDLE_AFTER_MS;
      if (idle && size > (largest?.sizeBytes ?? 0)) {
        largest = { path, sizeBytes: size };
      }
    } catch (error) {
      // Its upload ended, or another took it.
      if (!isErrno(error, "ENOENT")) {
        throw error;
      }
    }
  }
  return largest;
}

async function namesIn(dir: string): Promise<readonly string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (isErrno(error, "ENOENT")) {
      return [];
    }
    throw error;
  }
}
