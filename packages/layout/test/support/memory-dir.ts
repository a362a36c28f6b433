import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { isErrno } from "@nodemanager/core";
import { type TempDir, tempDir } from "@nodemanager/testing";

/**
 * A directory of a test's own in memory, where the machine has such a place: for tests that make thousands of small trees
 * and play through themselves what a disk does.
 */
export async function memoryDir(): Promise<TempDir> {
  try {
    const path = await mkdtemp(join("/dev/shm", "nm-"));
    return {
      path,
      async [Symbol.asyncDispose]() {
        await rm(path, { recursive: true, force: true });
      },
    };
  } catch (error) {
    if (isErrno(error, "ENOENT", "EACCES", "EROFS", "ENOSPC")) {
      return await tempDir();
    }
    throw error;
  }
}
