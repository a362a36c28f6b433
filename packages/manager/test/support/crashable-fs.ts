import { type FsOps, nodeFs } from "@nodemanager/layout";

const GROWING: ReadonlySet<string | symbol> = new Set(["createFile", "mkdir", "symlink", "link"]);

/**
 * The verbs of a process that can die: from then on nothing that it does to the disk happens, and nothing ends. And of a
 * disk that can be full.
 */
export class CrashableFs {
  readonly fs: FsOps;
  /** Whether what needs space fails. */
  isFull = false;
  /** How much it says is free; the truth unless set. */
  freeBytes: number | undefined;
  #dead = false;

  constructor() {
    this.fs = new Proxy(nodeFs, {
      get: (target, verb, receiver) => {
        const value: unknown = Reflect.get(target, verb, receiver);
        if (typeof value !== "function") {
          return value;
        }
        return (...args: unknown[]) => {
          if (this.isFull && GROWING.has(verb)) {
            throw Object.assign(new Error(`ENOSPC: no space left on device, ${String(verb)}`), { code: "ENOSPC" });
          }
          if (verb === "freeBytes" && this.freeBytes !== undefined) {
            return Promise.resolve(this.freeBytes);
          }
          return this.#dead ? new Promise(() => {}) : Reflect.apply(value, target, args);
        };
      },
    });
  }

  die(): void {
    this.#dead = true;
  }
}
