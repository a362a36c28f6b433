import { basename, join } from "node:path";
import { formatName, type InstallationName, isErrno, NodeError, throwIfAborted } from "@nodemanager/core";
import type { BlobStore } from "./blob-store.ts";
import { buildVersion, requireBlobs, type VersionContent } from "./build-version.ts";
import type { LayoutContext } from "./context.ts";
import { encodeDocument, readDocument } from "./document.ts";
import { moveDocument } from "./documents.ts";
import { exists } from "./exists.ts";
import type { InstallationStore } from "./installation-store.ts";
import { CURRENT, installationDir, isVersionDirName, versionDirName, versionMadeAt, versionSequence } from "./paths.ts";
import type { Move } from "./records.ts";
import { retire } from "./retire.ts";
import { StagedTree } from "./staged-tree.ts";
import { swapLink } from "./swap-link.ts";
import { neededVersions } from "./version-needs.ts";
import { VersionReader, type VersionRecord } from "./version-reader.ts";
import type { VersionTurns } from "./version-turns.ts";
import { replaceFile } from "./write-atomic.ts";

/** How `current` was last moved. */
const MOVED = "moved.json";

export interface AddVersionOptions extends Omit<VersionContent, "previous"> {
  /** The directory of the version that it follows: the current one, as far as the caller knows. */
  readonly from: string;
  readonly requestId?: string | undefined;
  /** Heeded up to the commit. */
  readonly signal?: AbortSignal | undefined;
}

export interface CollectOptions {
  /** How many of the newest versions stay in any case. */
  readonly keep: number;
  /** Only what was followed by a newer version before that. */
  readonly before?: Date | undefined;
  /** Is told of each version that nobody needs, before it is removed; false leaves it. */
  readonly each?: ((versionDir: string) => Promise<boolean>) | undefined;
}

/**
 * The versions of the installations of a root. What a method acknowledges is durable.
 *
 * `current` is moved by one rename, within the turn that an uninstallation takes for its claim, so that what was claimed
 * is never current again. A version that a crash left between its appearance and that rename is one that nobody needs,
 * and {@link collect} removes it in its time.
 */
export class VersionStore {
  readonly #context: LayoutContext;
  readonly #root: string;
  readonly #blobs: BlobStore;
  readonly #turns: VersionTurns;
  readonly #installations: InstallationStore;
  readonly #reader: VersionReader;

  constructor(
    context: LayoutContext,
    root: string,
    o: { blobs: BlobStore; turns: VersionTurns; installations: InstallationStore },
  ) {
    this.#context = context;
    this.#root = root;
    this.#blobs = o.blobs;
    this.#turns = o.turns;
    this.#installations = o.installations;
    this.#reader = new VersionReader(context);
  }

  /**
   * Adds a version and makes it the current one.
   *
   * Order: the version is built aside, with what it is made from and `previous`; rename into its place; fsync of the
   * directory; the document that says who moved it; rename of the new `current` over the old one, which is the commit;
   * fsync of the directory.
   *
   * @throws NodeError `BINARY_NOT_FOUND`, `SIZE_MISMATCH`, `INSTALLATION_UNINSTALLED`, `INSTALLATION_NOT_FOUND`,
   *   `OPERATION_IN_PROGRESS` when another version became current meanwhile, `DISK_FULL`, `READ_ONLY`, or the signal's
   *   error. The old version is current then, and nothing of the new one is there.
   */
  async add(name: InstallationName, o: AddVersionOptions): Promise<VersionRecord> {
    const dir = installationDir(this.#root, name);
    return await this.#change(name, async () => {
      await requireBlobs(this.#blobs, o);
      await this.#requireCurrent(name, o.from);
      await using stage = await StagedTree.begin(this.#context, dir);
      await buildVersion(this.#context, stage, "", { ...o, previous: basename(o.from) }, this.#blobs);
      using _ = await this.#turns.acquire(dir);
      throwIfAborted(o.signal);
      await this.#requireCurrent(name, o.from);
      const version = await this.#publish(stage, dir);
      try {
        await this.#move(dir, o.from, version, o.requestId);
      } catch (error) {
        await this.#context.bestEffort(`taking ${version} back`, () => this.#retireUnlessCurrent(name, dir, version));
        throw error;
      }
      return await this.#reader.read(join(dir, version));
    });
  }

  /**
   * Makes another version that is there the current one.
   *
   * @throws NodeError `STORE_CORRUPT` when that version is not whole, `INSTALLATION_UNINSTALLED`,
   *   `INSTALLATION_NOT_FOUND`, `OPERATION_IN_PROGRESS` when `from` is not current any more
   */
  async switchTo(
    name: InstallationName,
    o: { from: string; to: string; requestId?: string | undefined },
  ): Promise<VersionRecord> {
    const dir = installationDir(this.#root, name);
    return await this.#change(name, async () => {
      using _ = await this.#turns.acquire(dir);
      await this.#requireCurrent(name, o.from);
      const version = await this.#reader.read(join(dir, basename(o.to)));
      await this.#move(dir, o.from, basename(o.to), o.requestId);
      return version;
    });
  }

  /**
   * Reads a version.
   *
   * @throws NodeError `STORE_CORRUPT`
   */
  async read(versionDir: string): Promise<VersionRecord> {
    return await this.#context.attempt(`reading ${versionDir}`, () => this.#reader.read(versionDir));
  }

  /**
   * The directory of the version that a revert goes back to from this one; undefined when there never was one, or it was
   * removed.
   *
   * @throws NodeError `STORE_CORRUPT`
   */
  async previous(versionDir: string): Promise<string | undefined> {
    return await this.#context.attempt(`reading ${versionDir}`, () => this.#reader.previous(versionDir));
  }

  /**
   * The move that led to the current version; undefined for the first one.
   *
   * @throws NodeError `STORE_CORRUPT`, `INSTALLATION_UNINSTALLED`, `INSTALLATION_NOT_FOUND`
   */
  async lastMove(name: InstallationName): Promise<Move | undefined> {
    const file = join(installationDir(this.#root, name), MOVED);
    return await this.#context.attempt(`reading ${formatName(name)}`, async () => {
      try {
        const move = (await readDocument(this.#context.fs, file, moveDocument)).value;
        // One that a crash interrupted before its commit says something else, and never was.
        return move.to === basename(await this.#installations.currentVersion(name)) ? move : undefined;
      } catch (error) {
        if (isErrno(error, "ENOENT")) {
          return undefined;
        }
        throw error;
      }
    });
  }

  /**
   * Removes the versions of an installation that nobody needs: all but the current one, the one before it, those that an
   * instance pins which is not stopped, and the newest ones. Removes nothing when that cannot be told, or while somebody
   * makes an instance.
   *
   * @returns the directories that were removed
   */
  async collect(name: InstallationName, o: CollectOptions): Promise<string[]> {
    const dir = installationDir(this.#root, name);
    return await this.#context.attempt(`collecting old versions of ${formatName(name)}`, async () => {
      using _ = await this.#turns.acquire(dir);
      const needed = this.#turns.isPinning(dir) ? undefined : await neededVersions(this.#context, this.#root, name);
      const removed: string[] = [];
      const versions = needed ? await this.#versions(dir) : [];
      for (const [index, version] of versions.slice(0, -o.keep).entries()) {
        const place = join(dir, version);
        const followed = versionMadeAt(versions[index + 1] ?? version);
        // A time that is none is before everything.
        const isDue = o.before === undefined || !(followed.getTime() > o.before.getTime());
        if (isDue && !needed?.has(version) && (await o.each?.(place)) !== false) {
          await retire(this.#context, place);
          removed.push(place);
        }
      }
      return removed;
    });
  }

  async #change<T>(name: InstallationName, work: () => Promise<T>): Promise<T> {
    return await this.#context.attempt(`updating ${formatName(name)}`, async () => {
      try {
        return await work();
      } catch (error) {
        if (isErrno(error, "ENOENT")) {
          // Its directory has got another name; if not, the error is another one.
          await this.#installations.currentVersion(name);
        }
        throw error;
      }
    });
  }

  async #requireCurrent(name: InstallationName, versionDir: string): Promise<void> {
    if ((await this.#installations.currentVersion(name)) !== versionDir) {
      throw new NodeError("OPERATION_IN_PROGRESS", `${formatName(name)} was moved to another version meanwhile`);
    }
  }

  async #publish(stage: StagedTree, dir: string): Promise<string> {
    for (;;) {
      const last = (await this.#versions(dir)).at(-1);
      const sequence = (last === undefined ? 0 : versionSequence(last)) + 1;
      const version = versionDirName(sequence, this.#context.clock.now());
      if (await stage.publish(join(dir, version))) {
        return version;
      }
    }
  }

  /** A file system keeps the order of changes in one directory: the document is never behind the link. */
  async #move(dir: string, from: string, to: string, requestId: string | undefined): Promise<void> {
    const move = { from: basename(from), to, at: this.#context.clock.now(), requestId };
    await replaceFile(this.#context, join(dir, MOVED), encodeDocument(move));
    await swapLink(this.#context, join(dir, CURRENT), to);
  }

  async #retireUnlessCurrent(name: InstallationName, dir: string, version: string): Promise<void> {
    const place = join(dir, version);
    if ((await this.#installations.currentVersion(name)) !== place && (await exists(this.#context, place))) {
      await retire(this.#context, place);
    }
  }

  /** The oldest first. */
  async #versions(dir: string): Promise<string[]> {
    return (await this.#context.fs.readdir(dir))
      .map((entry) => entry.name)
      .filter(isVersionDirName)
      .sort((a, b) => versionSequence(a) - versionSequence(b) || (a < b ? -1 : 1));
  }
}
