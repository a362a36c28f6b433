import { basename, dirname, join } from "node:path";
import { isErrno } from "@nodemanager/core";
import { INCOMING, type LayoutContext } from "./context.ts";

const FILE_MODE = 0o600;

/**
 * Puts a document in its place, whatever is there: a reader sees the old one or the new one, whole.
 *
 * Order: create beside its place, write, fsync, close, rename. The caller calls `syncDir` before it reports success,
 * once for all that it changed in the directory.
 *
 * @throws the errno; nothing has changed then
 */
export async function replaceFile(context: LayoutContext, file: string, bytes: Uint8Array): Promise<void> {
  const temporary = await writeTemporary(context, dirname(file), bytes);
  try {
    await context.fs.rename(temporary, file);
  } catch (error) {
    await context.bestEffort("removing a temporary file", () => context.fs.unlink(temporary));
    throw error;
  }
}

/**
 * {@link replaceFile}, durable when it returns.
 *
 * @throws the errno; when it is that of the last fsync, the document is the old one or the new one
 */
export async function writeAtomic(context: LayoutContext, file: string, bytes: Uint8Array): Promise<void> {
  await replaceFile(context, file, bytes);
  await context.fs.syncDir(dirname(file));
}

/**
 * Claims a name: creates the file with all its bytes if nothing has that name. Of several callers one wins.
 *
 * Order: create under a name of its own, write, fsync, close, link(2), unlink the first name. The caller calls
 * `syncDir`. An exclusive open would not do: a crash after it leaves an empty file that looks claimed.
 *
 * @returns whether it was this call that created it
 */
export async function linkFile(context: LayoutContext, file: string, bytes: Uint8Array): Promise<boolean> {
  const temporary = await writeTemporary(context, dirname(file), bytes);
  try {
    await context.fs.link(temporary, file);
    return true;
  } catch (error) {
    if (isErrno(error, "EEXIST")) {
      return false;
    }
    throw error;
  } finally {
    await context.bestEffort("removing a temporary file", () => context.fs.unlink(temporary));
  }
}

/** Unlinks a file; that it is not there is no error. */
export async function unlinkIfThere(context: LayoutContext, file: string): Promise<void> {
  try {
    await context.fs.unlink(file);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) {
      throw error;
    }
  }
}

/** Writes a new file with a temporary name in `dir`, its bytes durable, and returns its path. */
async function writeTemporary(context: LayoutContext, dir: string, bytes: Uint8Array): Promise<string> {
  const temporary = join(dir, INCOMING + context.uniqueName());
  const file = await context.fs.createFile(temporary, FILE_MODE);
  try {
    try {
      await file.write(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    await context.bestEffort(`removing ${basename(temporary)}`, () => context.fs.unlink(temporary));
    throw error;
  }
  return temporary;
}
