import {
  chmodSync,
  lchownSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { isErrno } from "@nodemanager/core";
import type { Change } from "./recording-fs.ts";

/**
 * What a disk may hold after the program ended at some point of a recorded run.
 *
 * `killed`: the process ended, the kernel went on: every change is there.
 * `cut-late`: the power went; every change to directories had reached the disk, and no bytes of files but those that
 *   were synced.
 * `cut-early`: the power went; on the disk is what was synced and nothing else.
 *
 * Changes to one directory reach the disk in their order (as the journals of ext4, xfs and btrfs keep it), those to
 * different directories in any; syncing a directory makes durable what was changed in it and nothing else. Bytes of files
 * reach the disk in no order.
 */
export type CrashKind = "killed" | "cut-late" | "cut-early";

export interface CrashState {
  readonly kind: CrashKind;
  /** How many changes had been made. */
  readonly after: number;
  /** Those that are on the disk. */
  readonly changes: readonly Change[];
}

/** Every state, without those that are the same as one before. */
export function* crashStates(changes: readonly Change[]): Iterable<CrashState> {
  const seen = new Set<string>();
  for (let after = 0; after <= changes.length; after += 1) {
    const made = changes.slice(0, after);
    for (const state of [
      { kind: "killed", after, changes: made },
      { kind: "cut-late", after, changes: withoutUnsynced(made, made) },
      {
        kind: "cut-early",
        after,
        changes: withoutUnsynced(
          made.filter((change, at) => isForced(change, made.slice(at))),
          made,
        ),
      },
    ] as const) {
      const key = state.changes.map((change) => changes.indexOf(change)).join();
      if (!seen.has(key) || after === changes.length) {
        seen.add(key);
        yield state;
      }
    }
  }
}

/** Makes recorded changes again, below another directory. */
export function replay(changes: readonly Change[], from: string, to: string): void {
  const moved = (path: string) => {
    if (!path.startsWith(from)) {
      throw new Error(`not below ${from}: ${path}`);
    }
    return to + path.slice(from.length);
  };
  // The bytes of a file are put in at once when it is created, whatever its name is by the time they were written.
  const bytes = new Map<number, Uint8Array[]>();
  for (const change of changes) {
    if (change.verb === "write") {
      bytes.set(change.file, [...(bytes.get(change.file) ?? []), change.bytes]);
    }
  }
  for (const change of changes) {
    try {
      again(change, moved, bytes);
    } catch (error) {
      // Of a directory that did not reach the disk nothing can be seen, whatever of it did.
      if (!isErrno(error, "ENOENT")) {
        throw error;
      }
    }
  }
}

function again(change: Change, moved: (path: string) => string, bytes: ReadonlyMap<number, Uint8Array[]>): void {
  const path = moved(change.path);
  switch (change.verb) {
    case "create":
      writeFileSync(path, Buffer.concat(bytes.get(change.file) ?? []), { flag: "wx", mode: 0o600 });
      break;
    case "mkdir":
      mkdirSync(path, { mode: 0o700 });
      break;
    case "chmod":
    case "fchmod":
      chmodSync(path, change.mode);
      break;
    case "chown":
      lchownSync(path, change.owner.uid ?? -1, change.owner.gid);
      break;
    case "rmdir":
      rmdirSync(path);
      break;
    case "unlink":
      unlinkSync(path);
      break;
    case "remove":
      rmSync(path, { recursive: true, force: true });
      break;
    case "symlink":
      symlinkSync(change.target, path);
      break;
    case "link":
      linkSync(moved(change.from), path);
      break;
    case "rename":
      renameSync(moved(change.from), path);
      break;
  }
}

/** Whether a change to a directory is durable for certain, because the directory was synced later. */
function isForced(change: Change, later: readonly Change[]): boolean {
  const dirs = directoriesOf(change);
  return later.some((sync) => sync.verb === "syncDir" && dirs.includes(sync.path));
}

function directoriesOf(change: Change): string[] {
  switch (change.verb) {
    case "write":
    case "fsync":
    case "close":
    case "fchmod":
    case "syncDir":
      return [];
    case "chmod":
    case "chown":
      // That is in the directory itself, and its parent's sync need not write it.
      return [change.path];
    case "rename":
      return [dirname(change.path), dirname(change.from)];
    default:
      return [dirname(change.path)];
  }
}

/** Leaves out the bytes and modes of files that were not synced after them. */
function withoutUnsynced(kept: readonly Change[], made: readonly Change[]): Change[] {
  const syncedAt = new Map<number, number>();
  made.forEach((change, at) => {
    if (change.verb === "fsync") {
      syncedAt.set(change.file, at);
    }
  });
  const early = new Set(kept);
  // Bytes are durable by their own fsync, however few of the changes to directories are.
  const created = new Set(kept.flatMap((change) => (change.verb === "create" ? [change.file] : [])));
  return made.filter((change, at) =>
    change.verb === "write" || change.verb === "fchmod"
      ? created.has(change.file) && at < (syncedAt.get(change.file) ?? -1)
      : early.has(change),
  );
}
