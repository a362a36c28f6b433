import { relative } from "node:path";
import { type FsOps, type NewFile, nodeFs, type Owner } from "@nodemanager/layout";

/** One change, with everything that is needed to make it again. `file` tells open files apart. */
export type Change =
  | { readonly verb: "create"; readonly path: string; readonly file: number }
  | { readonly verb: "write"; readonly path: string; readonly file: number; readonly bytes: Uint8Array }
  | { readonly verb: "fsync"; readonly path: string; readonly file: number }
  | { readonly verb: "close"; readonly path: string; readonly file: number }
  | { readonly verb: "fchmod"; readonly path: string; readonly file: number; readonly mode: number }
  | { readonly verb: "mkdir"; readonly path: string }
  | { readonly verb: "chmod"; readonly path: string; readonly mode: number }
  | { readonly verb: "chown"; readonly path: string; readonly owner: Owner }
  | { readonly verb: "rmdir" | "unlink" | "remove" | "syncDir"; readonly path: string }
  | { readonly verb: "symlink"; readonly path: string; readonly target: string }
  | { readonly verb: "link" | "rename"; readonly from: string; readonly path: string };

/** Called before each verb, also those that only read; what it throws, the verb fails with. */
export type Guard = (verb: string, path: string) => void;

/**
 * The verbs on real files, each change recorded once it has succeeded. Syncs are recorded and not made: what they are
 * for is played through by `crashStates`, and no test's machine loses its power.
 */
export class RecordingFs implements FsOps {
  readonly changes: Change[] = [];
  readonly #guard: Guard;
  #files = 0;

  constructor(guard: Guard = () => {}) {
    this.#guard = guard;
  }

  async stat(path: string): ReturnType<FsOps["stat"]> {
    return await this.#read("stat", path, () => nodeFs.stat(path));
  }
  async readdir(path: string): ReturnType<FsOps["readdir"]> {
    return await this.#read("readdir", path, () => nodeFs.readdir(path));
  }
  async readFile(path: string, maxBytes: number): Promise<Uint8Array> {
    return await this.#read("readFile", path, () => nodeFs.readFile(path, maxBytes));
  }
  async sha256(path: string): Promise<string> {
    return await this.#read("sha256", path, () => nodeFs.sha256(path));
  }
  async *readChunks(path: string): AsyncGenerator<Uint8Array> {
    yield* await this.#read("readChunks", path, async () => nodeFs.readChunks(path));
  }
  async freeBytes(path: string): Promise<number> {
    return await this.#read("freeBytes", path, () => nodeFs.freeBytes(path));
  }
  async readlink(path: string): Promise<string> {
    return await this.#read("readlink", path, () => nodeFs.readlink(path));
  }
  async realpath(path: string): Promise<string> {
    return await this.#read("realpath", path, () => nodeFs.realpath(path));
  }
  async createFile(path: string, mode: number): Promise<NewFile> {
    this.#files += 1;
    const id = this.#files;
    const file = await this.#change({ verb: "create", path, file: id }, () => nodeFs.createFile(path, mode));
    return {
      write: (bytes) =>
        this.#change({ verb: "write", path, file: id, bytes: Uint8Array.from(bytes) }, () => file.write(bytes)),
      setMode: (bits) => this.#change({ verb: "fchmod", path, file: id, mode: bits }, () => file.setMode(bits)),
      sync: () => this.#change({ verb: "fsync", path, file: id }, async () => {}),
      // Closing is never refused, so that a test does not leak descriptors.
      close: async () => {
        await file.close();
        this.changes.push({ verb: "close", path, file: id });
      },
    };
  }
  async mkdir(path: string, mode: number): Promise<void> {
    await this.#change({ verb: "mkdir", path }, () => nodeFs.mkdir(path, mode));
  }
  async symlink(target: string, path: string): Promise<void> {
    await this.#change({ verb: "symlink", path, target }, () => nodeFs.symlink(target, path));
  }
  async link(from: string, path: string): Promise<void> {
    await this.#change({ verb: "link", from, path }, () => nodeFs.link(from, path));
  }
  async rename(from: string, path: string): Promise<void> {
    await this.#change({ verb: "rename", from, path }, () => nodeFs.rename(from, path));
  }
  async unlink(path: string): Promise<void> {
    await this.#change({ verb: "unlink", path }, () => nodeFs.unlink(path));
  }
  async setMode(path: string, mode: number): Promise<void> {
    await this.#change({ verb: "chmod", path, mode }, () => nodeFs.setMode(path, mode));
  }
  async setOwner(path: string, owner: Owner): Promise<void> {
    await this.#change({ verb: "chown", path, owner }, () => nodeFs.setOwner(path, owner));
  }
  async rmdir(path: string): Promise<void> {
    await this.#change({ verb: "rmdir", path }, () => nodeFs.rmdir(path));
  }
  async removeTree(path: string): Promise<void> {
    await this.#change({ verb: "remove", path }, () => nodeFs.removeTree(path));
  }
  async syncDir(path: string): Promise<void> {
    await this.#change({ verb: "syncDir", path }, async () => {});
  }

  async #read<T>(verb: string, path: string, work: () => Promise<T>): Promise<T> {
    this.#guard(verb, path);
    return await work();
  }

  async #change<T>(change: Change, work: () => Promise<T>): Promise<T> {
    this.#guard(change.verb, change.path);
    const result = await work();
    this.changes.push(change);
    return result;
  }
}

/** An error of a system call, as the disk gives it. */
function errno(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}

/** A guard that fails the n-th verb, counted from 1 and among the given ones, with an errno; `seen` counts. */
export function failAt(
  n: number,
  code: string,
  verbs?: readonly string[],
): { guard: Guard; seen: () => number; arm: () => void } {
  let count = 0;
  let armed = false;
  return {
    arm: () => {
      armed = true;
    },
    seen: () => count,
    guard: (verb) => {
      if (!armed || verbs?.includes(verb) === false) {
        return;
      }
      count += 1;
      if (count === n) {
        throw errno(code);
      }
    },
  };
}

/**
 * What happened, one line a verb, with paths relative to `dir` and temporary names told apart by a letter: names that
 * are random would make no test.
 */
export function lines(changes: readonly Change[], dir: string): string[] {
  const names = new Map<string, string>();
  const short = (path: string) =>
    (relative(dir, path) || ".").replace(
      /(\.incoming-|\.deleted-)([a-z]+-)?[a-z2-7]{26}-\d+/g,
      (full, prefix: string, kind = "") => {
        const known = names.get(full) ?? String.fromCharCode(65 + names.size);
        names.set(full, known);
        return `${prefix}${kind}${known}`;
      },
    );
  return changes.map((change) => {
    switch (change.verb) {
      case "link":
      case "rename":
        return `${change.verb} ${short(change.from)} ${short(change.path)}`;
      case "symlink":
        return `symlink ${change.target} ${short(change.path)}`;
      case "chmod":
      case "fchmod":
        return `${change.verb} ${change.mode.toString(8)} ${short(change.path)}`;
      case "chown":
        return `chown ${change.owner.uid ?? ""}:${change.owner.gid} ${short(change.path)}`;
      default:
        return `${change.verb} ${short(change.path)}`;
    }
  });
}
