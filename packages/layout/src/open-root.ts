import { randomBytes } from "node:crypto";
import { join, resolve } from "node:path";
import {
  type Clock,
  isErrno,
  type Logger,
  NodeError,
  type ProcessIdentity,
  type RandomBytes,
  silentLogger,
  systemClock,
} from "@nodemanager/core";
import { PASSABLE } from "./access.ts";
import { INCOMING, LayoutContext } from "./context.ts";
import { DIRECTORY_MODE, makeDirectories } from "./directories.ts";
import { encodeDocument, readDocument } from "./document.ts";
import { formatDocument } from "./documents.ts";
import type { Entry, FsOps } from "./fs-ops.ts";
import { nodeFs } from "./node-fs.ts";
import { FORMAT_FILE, parseLockName, RUN } from "./paths.ts";
import { quarantine } from "./quarantine.ts";
import { Root } from "./root.ts";
import { RootLock } from "./root-lock.ts";
import { linkFile, unlinkIfThere } from "./write-atomic.ts";

/** The format of the trees that this program writes, and the newest that it reads. */
export const FORMAT = 1;

const DIRECTORIES = [RUN, "node-manager", "blobs", join("blobs", "sha256")];

export interface OpenRootOptions {
  /** Who wants it. */
  readonly self: ProcessIdentity;
  /** Whether a process that held the root still exists. */
  readonly isAlive: (process: ProcessIdentity) => boolean;
  /**
   * Whether others may pass through the root to what in it is theirs: for installations with accounts. Otherwise it is
   * closed to everybody else.
   */
  readonly passable?: boolean | undefined;
  readonly fs?: FsOps | undefined;
  readonly clock?: Clock | undefined;
  readonly logger?: Logger | undefined;
  readonly random?: RandomBytes | undefined;
}

/**
 * Opens the tree that a manager keeps, for this process alone, until the result is disposed. A directory that is
 * missing or empty becomes a new tree.
 *
 * @throws NodeError `ROOT_NOT_OURS` when something else is there, `FORMAT_TOO_NEW` with the metadata `found` and
 *   `supported`, `ROOT_LOCKED` with the metadata `pid`, `STORE_CORRUPT` when its format or lock cannot be read,
 *   `ROOT_NOT_WRITABLE`, `READ_ONLY`, `DISK_FULL`. Nothing has changed on disk then.
 */
export async function openRoot(dir: string, o: OpenRootOptions): Promise<Root> {
  const context = new LayoutContext({
    fs: o.fs ?? nodeFs,
    clock: o.clock ?? systemClock,
    logger: o.logger ?? silentLogger,
    random: o.random ?? randomBytes,
  });
  return await context.attempt(`opening ${dir}`, async () => {
    const undo = new AsyncDisposableStack();
    try {
      const root = await makeRoot(context, resolve(dir), undo);
      await isOurs(context, root);
      const lock = await RootLock.acquire(context, root, o);
      // Once more: another manager, perhaps a newer one, may have made it, and had it until now. Then it is not ours to undo.
      let isNew = false;
      undo.defer(() => lock.withdraw({ isNew }));
      isNew = !(await isOurs(context, root));
      if (isNew) {
        undo.defer(() => unlinkIfThere(context, join(root, FORMAT_FILE)));
        // Durable with the directories that a new root has made beside it.
        await linkFile(context, join(root, FORMAT_FILE), encodeDocument({ format: FORMAT }));
      }
      await prepare(context, root, undo);
      for (const dir of [root, join(root, RUN)]) {
        await setAccess(context, dir, o.passable === true);
      }
      return new Root(context, root, lock);
    } catch (error) {
      await context.bestEffort(`leaving ${dir} as it was`, () => undo.disposeAsync());
      throw error;
    }
  });
}

/** Makes the root if it is missing; returns its real path. */
async function makeRoot(context: LayoutContext, dir: string, undo: AsyncDisposableStack): Promise<string> {
  try {
    await makeUndoably(context, dir, undo);
    return await context.fs.realpath(dir);
  } catch (error) {
    throw isErrno(error, "ENOTDIR", "ENOENT", "ELOOP") ? notOurs(dir, "it cannot be a directory", error) : error;
  }
}

/** Makes directories that go again, if nobody has put anything into them, should opening fail. */
async function makeUndoably(context: LayoutContext, dir: string, undo: AsyncDisposableStack): Promise<boolean> {
  const made = await makeDirectories(context, dir);
  for (const one of made) {
    undo.defer(() => context.fs.rmdir(one));
  }
  return made.length > 0;
}

/**
 * Whether the directory is a root of a format that we know; false when it is as good as empty.
 *
 * @throws NodeError `ROOT_NOT_OURS`, `FORMAT_TOO_NEW`, `STORE_CORRUPT`
 */
async function isOurs(context: LayoutContext, dir: string): Promise<boolean> {
  const entries = await listRoot(context, dir);
  if (!entries.some((entry) => entry.name === FORMAT_FILE)) {
    // What a crash in the first opening may have left counts as nothing.
    const other = entries.find((entry) => !entry.name.startsWith(INCOMING) && parseLockName(entry.name) === undefined);
    if (other) {
      throw notOurs(dir, `it holds ${JSON.stringify(other.name)} and no ${FORMAT_FILE}`);
    }
    return false;
  }
  const found = await readFormat(context, dir, entries);
  if (found > FORMAT) {
    throw new NodeError(
      "FORMAT_TOO_NEW",
      `${dir} has format ${found}, this manager knows ${FORMAT}; use the manager that wrote it, or a newer one`,
      { metadata: { found: String(found), supported: String(FORMAT) } },
    );
  }
  return true;
}

async function readFormat(context: LayoutContext, dir: string, entries: readonly Entry[]): Promise<number> {
  try {
    return (await readDocument(context.fs, join(dir, FORMAT_FILE), formatDocument)).value.format;
  } catch (error) {
    // A root that was ever opened has a lock; anything else may have a file of this name for its own reasons.
    if (error instanceof NodeError && !entries.some((entry) => parseLockName(entry.name) !== undefined)) {
      throw notOurs(dir, `its ${FORMAT_FILE} is not a manager's`, error);
    }
    throw error;
  }
}

async function listRoot(context: LayoutContext, dir: string): Promise<readonly Entry[]> {
  try {
    return await context.fs.readdir(dir);
  } catch (error) {
    throw isErrno(error, "ENOTDIR") ? notOurs(dir, "it is no directory", error) : error;
  }
}

/** Makes what every root has. Only the holder of the lock comes here. */
async function prepare(context: LayoutContext, dir: string, undo: AsyncDisposableStack): Promise<void> {
  for (const name of DIRECTORIES) {
    const path = join(dir, name);
    if (!(await makeUndoably(context, path, undo)) && (await context.fs.stat(path)).kind !== "directory") {
      await quarantine(context, dir, path);
      await makeDirectories(context, path);
    }
  }
}

async function setAccess(context: LayoutContext, dir: string, passable: boolean): Promise<void> {
  const wanted = passable ? PASSABLE : DIRECTORY_MODE;
  const mode = (await context.fs.stat(dir)).mode & 0o777;
  if (mode === wanted) {
    return;
  }
  if ((mode & 0o077 & ~wanted) !== 0) {
    context.logger.warn("closing a directory to others", { dir });
  }
  await context.fs.setMode(dir, wanted);
}

function notOurs(dir: string, why: string, cause?: unknown): NodeError {
  return new NodeError("ROOT_NOT_OURS", `${dir} is not a node manager's root: ${why}; name an empty directory`, {
    cause,
  });
}
