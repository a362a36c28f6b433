import { hasReason } from "@nodemanager/core";
import type { BrokenRecord, ManagerStore, WorkspaceRecord } from "@nodemanager/layout";

/** How many workspaces are kept beside those that are in use. */
export const KEPT_WORKSPACES = 3;

export interface CollectOptions {
  /** How many are kept beside those that are in use; {@link KEPT_WORKSPACES} unless given. */
  readonly keep?: number | undefined;
  /** The link that init starts. Without it nobody knows what is in use, and nothing is collected. */
  readonly currentLink: string | undefined;
  /** The version that runs, if it was started from a workspace. */
  readonly running: string | undefined;
}

/**
 * The workspaces that are due: all but the one that runs, the current one, what each of them and the last move goes back to,
 * and the newest of the others. A broken one counts as any other.
 */
export async function collectableWorkspaces(
  store: ManagerStore,
  { keep = KEPT_WORKSPACES, currentLink, running }: CollectOptions,
): Promise<readonly string[]> {
  const current = currentLink === undefined ? undefined : await store.current(currentLink);
  if (current === undefined) {
    return [];
  }
  const records: (WorkspaceRecord | BrokenRecord)[] = await Array.fromAsync(store.list());
  const move = await store.lastMove();
  const used = new Set([current, running, move?.from, move?.to]);
  for (const record of records) {
    if (record.kind === "workspace" && (record.version === current || record.version === running)) {
      used.add(record.previous);
    }
  }
  const others = records.map(versionOf).filter((version) => !used.has(version));
  return keep === 0 ? others : others.slice(0, -keep);
}

/**
 * Removes them.
 *
 * @returns the versions that were removed
 * @throws NodeError `DISK_FULL`, `READ_ONLY`, `ROOT_NOT_WRITABLE`, `STORE_CORRUPT`
 */
export async function collectWorkspaces(store: ManagerStore, o: CollectOptions): Promise<readonly string[]> {
  const due = await collectableWorkspaces(store, o);
  for (const version of due) {
    try {
      await store.retire(version);
    } catch (error) {
      if (!hasReason(error, "VERSION_NOT_FOUND")) {
        throw error;
      }
    }
  }
  return due;
}

function versionOf(record: WorkspaceRecord | BrokenRecord): string {
  return record.kind === "workspace" ? record.version : record.name.replace(/^nm\//, "");
}
