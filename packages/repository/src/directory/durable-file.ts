import { constants, type FileHandle, mkdir, open, rename, rmdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { isErrno, NodeError } from "@nodemanager/core";

/** Makes the names in a directory durable. */
export async function syncDir(dir: string): Promise<void> {
  await using handle = await open(dir, constants.O_RDONLY | constants.O_DIRECTORY);
  await handle.sync();
}

/** As {@link syncDir}. @returns whether the directory is there */
export async function syncDirIfThere(dir: string): Promise<boolean> {
  try {
    await syncDir(dir);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT")) {
      return false;
    }
    throw error;
  }
}

/** Removes a directory that nothing is left in; otherwise leaves it. */
export async function removeDirIfEmpty(dir: string): Promise<void> {
  try {
    await rmdir(dir);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTEMPTY", "EEXIST")) {
      return;
    }
    throw error;
  }
  await syncDirIfThere(dirname(dir));
}

/** Renames a file unless somebody else did so first. */
export async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) {
      throw error;
    }
  }
}

/** How many bytes a file has, if there is one. */
export async function sizeIfThere(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isErrno(error, "ENOENT")) {
      return undefined;
    }
    throw error;
  }
}

/** Writes a new file and its content durably; its name is durable after {@link syncDir}. `EEXIST` when it exists. */
export async function writeNewFile(path: string, content: string): Promise<void> {
  await using handle = await open(path, "wx", 0o666);
  await handle.writeFile(content);
  await handle.sync();
}

/** Makes a directory and those above it that are missing, each durable in its parent. */
export async function makeDir(dir: string): Promise<void> {
  try {
    await mkdir(dir);
  } catch (error) {
    if (isErrno(error, "EEXIST")) {
      return;
    }
    if (!isErrno(error, "ENOENT") || dirname(dir) === dir) {
      throw error;
    }
    await makeDir(dirname(dir));
    await makeDir(dir);
    return;
  }
  await syncDir(dirname(dir));
}

/**
 * Opens a regular file for reading. A link is not followed, because a copied repository could point anywhere with one,
 * and a FIFO does not block.
 *
 * @returns nothing when there is no such file
 * @throws NodeError `REPOSITORY_CORRUPT` when something else is in its place
 */
export async function openRegularFile(path: string): Promise<FileHandle | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (isErrno(error, "ENOENT")) {
      return undefined;
    }
    if (isErrno(error, "ELOOP", "ENXIO", "ENOTDIR")) {
      throw notRegular(path, error);
    }
    throw error;
  }
  if (!(await handle.stat()).isFile()) {
    await handle.close();
    throw notRegular(path);
  }
  return handle;
}

/**
 * Reads a small file.
 *
 * @returns nothing when there is no such file
 * @throws NodeError `REPOSITORY_CORRUPT`; what `tooLarge` makes, when it has more than `maxBytes`
 */
export async function readSmallFile(
  path: string,
  options: { readonly maxBytes: number; readonly tooLarge: () => NodeError },
): Promise<string | undefined> {
  await using handle = await openRegularFile(path);
  if (!handle) {
    return undefined;
  }
  // Its size is not trusted: one byte more than allowed is read at most.
  const buffer = Buffer.alloc(Math.min((await handle.stat()).size, options.maxBytes) + 1);
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
    if (bytesRead === 0) {
      return buffer.toString("utf8", 0, length);
    }
    length += bytesRead;
  }
  throw options.tooLarge();
}

function notRegular(path: string, cause?: unknown): NodeError {
  return new NodeError("REPOSITORY_CORRUPT", `${path} is not a regular file; remove it from the repository`, { cause });
}
