import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { isErrno } from "@nodemanager/core";
import type { LayoutContext } from "./context.ts";
import type { FileStat } from "./fs-ops.ts";

/** After so many entries others have a turn. */
const TURN = 256;

/**
 * How many bytes the removal of several things frees together: those of a file with several names once, with the last
 * of its names that goes. What is counted need not be removed for that.
 */
export class FreedSpace {
  readonly #context: LayoutContext;
  /** Of files with several names: how many of them are left. */
  readonly #left = new Map<string, number>();
  #entries = 0;
  #bytes = 0;

  constructor(context: LayoutContext) {
    this.#context = context;
  }

  /** So far. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Counts a file or a tree, before it is removed. What is not there counts nothing, nor does what cannot be looked into.
   *
   * @returns how many bytes it adds
   */
  async add(path: string): Promise<number> {
    const before = this.#bytes;
    await this.#context.attempt(`measuring ${path}`, () => this.#add(path));
    return this.#bytes - before;
  }

  async #add(path: string): Promise<void> {
    this.#entries += 1;
    if (this.#entries % TURN === 0) {
      await setImmediate();
    }
    const stat = await this.#unlessHidden(() => this.#context.fs.stat(path));
    if (stat?.kind === "file") {
      this.#addFile(stat);
    } else if (stat?.kind === "directory") {
      for (const { name } of (await this.#unlessHidden(() => this.#context.fs.readdir(path))) ?? []) {
        await this.#add(join(path, name));
      }
    }
  }

  #addFile({ identity, links, sizeBytes }: FileStat): void {
    // Names that went since it was first seen are among those that were counted.
    const left = (this.#left.get(identity) ?? links) - 1;
    if (left > 0) {
      this.#left.set(identity, left);
      return;
    }
    this.#left.delete(identity);
    this.#bytes += sizeBytes;
  }

  async #unlessHidden<T>(look: () => Promise<T>): Promise<T | undefined> {
    try {
      return await look();
    } catch (error) {
      if (isErrno(error, "ENOENT", "ENOTDIR", "EACCES", "EPERM", "ENAMETOOLONG")) {
        return undefined;
      }
      throw error;
    }
  }
}
