import { type FsOps, nodeFs } from "@nodemanager/layout";

/** The verbs of a process that can die: from then on nothing that it does to the disk happens, and nothing ends. */
export class CrashableFs {
  readonly fs: FsOps;
  #dead = false;

  constructor() {
    this.fs = new Proxy(nodeFs, {
      get: (target, verb, receiver) => {
        const value: unknown = Reflect.get(target, verb, receiver);
        if (typeof value !== "function") {
          return value;
        }
        return (...args: unknown[]) => (this.#dead ? new Promise(() => {}) : Reflect.apply(value, target, args));
      },
    });
  }

  die(): void {
    this.#dead = true;
  }
}
