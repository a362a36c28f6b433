import type { Stats } from "node:fs";
import { chmod, lchown, lstat, readdir, rename, rmdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { isErrno, newId } from "@nodemanager/core";
import { boundedMap } from "./bounded-map.ts";

/** A tree has fewer levels than this, or somebody makes new ones faster than they are removed. */
const ROUNDS = 100_000;

/**
 * Removes whatever has a name in a directory that only the manager can write, with everything below; that nothing is
 * there is no error.
 *
 * What is below may still be changed by those to whom it belongs, such as another instance of the same installation, and
 * a manager that runs as root must not be led elsewhere by a link that was a directory a moment ago. So nothing is ever
 * reached through a directory that others can write: the one at `path` becomes the manager's alone, whatever is a
 * directory below the next ones is moved up into it, and is emptied there in the next round. `rename`, `unlink` and
 * `rmdir` act on the last name of a path and follow no link. No path gets too long either, however deep the tree is.
 *
 * @throws the errno; what is left is still below `path`
 */
export async function removeTree(path: string): Promise<void> {
  const top = await statOf(path);
  if (!top?.isDirectory()) {
    return await unlinkIfThere(path);
  }
  await takeOver(path, top);
  const unique = `.removed-${newId()}-`;
  let moved = 0;
  for (let round = 1; ; round += 1) {
    for (const name of await readdir(path)) {
      await removeOneLevel(join(path, name), () => {
        moved += 1;
        return join(path, unique + moved);
      });
    }
    if ((await removeIfEmpty(path)) || round === ROUNDS) {
      // What cannot be emptied says so.
      return await ignoring(["ENOENT"], rmdir(path));
    }
  }
}

/** Removes what is at a place that only the manager can change, but for the directories in it, which get new places. */
async function removeOneLevel(place: string, newPlace: () => string): Promise<void> {
  const stat = await statOf(place);
  if (!stat?.isDirectory()) {
    return await unlinkIfThere(place);
  }
  if ((stat.mode & 0o700) !== 0o700) {
    // An application may take its own directories' permissions away.
    await chmod(place, 0o700);
  }
  const entries = await readdir(place, { withFileTypes: true });
  for await (const _ of boundedMap(entries, async (entry) => {
    const path = join(place, entry.name);
    // What has become something else meanwhile is dealt with in the next round.
    await (entry.isDirectory() ? moveTo(newPlace(), path) : ignoring(["ENOENT", "EISDIR"], unlink(path)));
  })) {
    // The work is in the map.
  }
  await removeIfEmpty(place);
}

async function moveTo(place: string, path: string): Promise<void> {
  try {
    await ignoring(["ENOENT"], rename(path, place));
  } catch (error) {
    if (!isErrno(error, "EACCES")) {
      throw error;
    }
    // To move a directory is to write its "..". To root this does not happen, and for others it is their own directory.
    await chmod(path, 0o700);
    await ignoring(["ENOENT"], rename(path, place));
  }
}

/** Nobody who holds it open can rename anything in it from now on. */
async function takeOver(path: string, stat: Stats): Promise<void> {
  if (process.geteuid?.() === 0 && stat.uid !== 0) {
    await lchown(path, 0, stat.gid);
  }
  if ((stat.mode & 0o7777) !== 0o700) {
    await chmod(path, 0o700);
  }
}

async function removeIfEmpty(dir: string): Promise<boolean> {
  try {
    await rmdir(dir);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOTEMPTY", "EEXIST")) {
      return false;
    }
    throw error;
  }
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) {
      return undefined;
    }
    throw error;
  }
}

async function unlinkIfThere(path: string): Promise<void> {
  await ignoring(["ENOENT", "ENOTDIR"], unlink(path));
}

async function ignoring(codes: readonly string[], work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isErrno(error, ...codes)) {
      throw error;
    }
  }
}
