import { NodeError } from "@nodemanager/core";
import { invalidPackage } from "./invalid-package.ts";

/** How many files and directories an archive may make, those that it only implies included. */
const ENTRIES_MAX = 65_536;

type Kind = "file" | "directory";

/** What an archive has made so far. */
export class EntryTable {
  readonly #what: string;
  readonly #kinds = new Map<string, Kind>();

  constructor(what: string) {
    this.#what = what;
  }

  /**
   * Notes an entry. A directory may be named more than once, and be implied by what is in it.
   *
   * @returns the directories that it makes, the outermost first
   * @throws NodeError `INVALID_PACKAGE` when its place, or one above it, is taken; `TOO_LARGE`
   */
  add(path: readonly string[], kind: Kind): readonly (readonly string[])[] {
    const directories = path.slice(0, kind === "directory" ? undefined : -1).map((_, at) => path.slice(0, at + 1));
    const made = directories.filter((directory) => this.#put(directory, "directory"));
    if (kind === "file" && !this.#put(path, "file")) {
      throw invalidPackage(this.#what, "is in it twice", path.join("/"));
    }
    return made;
  }

  /** @returns whether it is new */
  #put(path: readonly string[], kind: Kind): boolean {
    const key = path.join("/");
    const known = this.#kinds.get(key);
    if (known !== undefined && known !== kind) {
      throw invalidPackage(this.#what, "is a file and a directory in it", key);
    }
    if (known === undefined && this.#kinds.size >= ENTRIES_MAX) {
      throw new NodeError("TOO_LARGE", `${this.#what} has more than ${ENTRIES_MAX} files and directories`);
    }
    this.#kinds.set(key, kind);
    return known === undefined;
  }
}
