import { dirname, join } from "node:path";
import { isErrno } from "@nodemanager/core";
import { INCOMING, type LayoutContext } from "./context.ts";
import { DIRECTORY_MODE } from "./directories.ts";
import type { NewFile, Owner } from "./fs-ops.ts";
import { retire } from "./retire.ts";

/** How many files are open at a time, and synced with one commit of the file system's journal. */
const BATCH = 64;

export interface PublishOptions {
  /** Looks, after the rename, whether it may stay; when it throws, the tree is taken back. */
  readonly confirm?: () => Promise<void>;
  /** False: the caller syncs the directory of the place before it acknowledges anything. */
  readonly durable?: boolean;
}

/**
 * A directory that is built out of sight, and appears in its place whole and durable or not at all.
 *
 * Order: every file is created, written and synced and every directory synced before the one rename; after it the
 * directory of its place is synced.
 * Disposing before {@link publish} removes what was built.
 */
export class StagedTree implements AsyncDisposable {
  readonly dir: string;
  readonly #context: LayoutContext;
  readonly #directories: string[] = [];
  /** Written and not yet synced. */
  readonly #files: NewFile[] = [];
  #published = false;

  private constructor(context: LayoutContext, dir: string) {
    this.#context = context;
    this.dir = dir;
  }

  /** Begins a tree beside its later place, so that the rename stays within one file system. */
  static async begin(context: LayoutContext, parent: string): Promise<StagedTree> {
    const tree = new StagedTree(context, join(parent, INCOMING + context.uniqueName()));
    await tree.#mkdir(tree.dir);
    return tree;
  }

  /**
   * Makes a directory; `path` is relative to the tree.
   *
   * @param mode - 0700 unless given; holds whatever the umask
   */
  async directory(path: string, mode?: number): Promise<void> {
    await this.#mkdir(join(this.dir, path));
    if (mode !== undefined) {
      await this.setAccess(path, { mode });
    }
  }

  /**
   * Makes a directory in which nothing is put: that it is there is its parent's to keep, and costs no sync of its own.
   * What it is beside that would be lost without one.
   */
  async emptyDirectory(path: string, access?: { readonly owner?: Owner; readonly mode: number }): Promise<void> {
    const dir = join(this.dir, path);
    await this.#context.fs.mkdir(dir, DIRECTORY_MODE);
    if (access) {
      await this.setAccess(path, access);
      this.#directories.push(dir);
    }
  }

  /** Gives a directory of the tree to somebody and sets its permissions; `""` is the tree itself. */
  async setAccess(path: string, { owner, mode }: { readonly owner?: Owner; readonly mode: number }): Promise<void> {
    const dir = join(this.dir, path);
    if (owner) {
      await this.#context.fs.setOwner(dir, owner);
    }
    // In this order: a change of owner takes some bits away.
    await this.#context.fs.setMode(dir, mode);
  }

  /**
   * Writes a file.
   *
   * @param mode - 0600 unless given; holds whatever the umask
   */
  async file(path: string, bytes: Uint8Array, mode?: number): Promise<void> {
    const file = await this.#create(path);
    await file.write(bytes);
    if (mode !== undefined) {
      await file.setMode(mode);
    }
  }

  /**
   * Writes a file as its bytes come.
   *
   * @throws what the source throws
   */
  async fileFrom(path: string, bytes: AsyncIterable<Uint8Array>, mode: number): Promise<void> {
    const file = await this.#create(path);
    for await (const chunk of bytes) {
      await file.write(chunk);
    }
    await file.setMode(mode);
  }

  async symlink(path: string, target: string): Promise<void> {
    await this.#context.fs.symlink(target, join(this.dir, path));
  }

  /** A further name for a file whose bytes are durable already. */
  async hardLink(path: string, existing: string): Promise<void> {
    await this.#context.fs.link(existing, join(this.dir, path));
  }

  /**
   * Publishes the tree.
   *
   * @returns false when the place is taken; the tree can be published elsewhere then
   * @throws the errno; nothing stays in its place then, or, when taking it back failed too, the whole tree
   */
  async publish(place: string, o: PublishOptions = {}): Promise<boolean> {
    await this.#sync(this.#directories);
    try {
      await this.#context.fs.rename(this.dir, place);
    } catch (error) {
      if (isErrno(error, "EEXIST", "ENOTEMPTY", "ENOTDIR")) {
        return false;
      }
      throw error;
    }
    this.#published = true;
    try {
      await o.confirm?.();
      if (o.durable !== false) {
        await this.#context.fs.syncDir(dirname(place));
      }
    } catch (error) {
      await this.#context.bestEffort(`taking ${place} back`, () => retire(this.#context, place));
      throw error;
    }
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#published) {
      return;
    }
    this.#published = true;
    await this.#context.bestEffort(`removing ${this.dir}`, async () => {
      await this.#close();
      await this.#context.fs.removeTree(this.dir);
    });
  }

  async #create(path: string): Promise<NewFile> {
    if (this.#files.length >= BATCH) {
      await this.#sync([]);
    }
    const file = await this.#context.fs.createFile(join(this.dir, path), 0o600);
    this.#files.push(file);
    return file;
  }

  /**
   * Many at once and as late as may be: then one commit of the file system's journal serves them all. Directories come
   * last, when everything in them was made.
   */
  async #sync(directories: readonly string[]): Promise<void> {
    const files = this.#files.map((file) => file.sync());
    const first = directories.slice(0, BATCH);
    const results = await Promise.allSettled([...files, ...first.map((dir) => this.#context.fs.syncDir(dir))]);
    await this.#close();
    const failed = results.find((result) => result.status === "rejected");
    if (failed) {
      throw failed.reason;
    }
    if (directories.length > BATCH) {
      await this.#sync(directories.slice(BATCH));
    }
  }

  async #close(): Promise<void> {
    for (const file of this.#files.splice(0)) {
      await file.close();
    }
  }

  async #mkdir(dir: string): Promise<void> {
    await this.#context.fs.mkdir(dir, DIRECTORY_MODE);
    this.#directories.push(dir);
  }
}
