import { setImmediate } from "node:timers/promises";
import type { ProcessIdentity } from "@nodemanager/core";
import { nodeFs, openRoot, type Root } from "@nodemanager/layout";
import { tempDir } from "@nodemanager/testing";
import { describe, expect, test } from "vitest";
import { RecordingFs } from "./support/recording-fs.ts";

/** Managers on one root, of which some die without a release. */
class Managers {
  readonly #alive = new Set<number>();
  readonly #holders = new Set<number>();
  #pids = 0;
  violations = 0;
  held = 0;

  /** One manager: opens, holds the root for a while, and releases it or dies. */
  async run(dir: string, o: { dies: boolean; fs: RecordingFs }): Promise<void> {
    this.#pids += 1;
    const pid = this.#pids;
    this.#alive.add(pid);
    const self: ProcessIdentity = { pid, startTicks: pid, bootId: "boot" };
    let root: Root | undefined;
    try {
      root = await openRoot(dir, { self, isAlive: (other) => this.#alive.has(other.pid), fs: o.fs });
    } catch {
      this.#alive.delete(pid);
      return;
    }
    this.held += 1;
    this.#holders.add(pid);
    this.violations += this.#holders.size > 1 ? 1 : 0;
    await setImmediate();
    this.#holders.delete(pid);
    if (!o.dies) {
      await root[Symbol.asyncDispose]();
    }
    this.#alive.delete(pid);
  }
}

/** Verbs that take a random number of turns before they begin, as other processes' calls come in between. */
class JitteryFs extends RecordingFs {
  readonly #random: () => number;

  constructor(random: () => number) {
    super();
    this.#random = random;
  }

  override async link(from: string, path: string): Promise<void> {
    await this.#wait();
    await super.link(from, path);
  }
  override async unlink(path: string): Promise<void> {
    await this.#wait();
    await super.unlink(path);
  }
  override async readdir(path: string): ReturnType<RecordingFs["readdir"]> {
    await this.#wait();
    return await super.readdir(path);
  }
  override async readFile(path: string, maxBytes: number): Promise<Uint8Array> {
    await this.#wait();
    return await super.readFile(path, maxBytes);
  }

  async #wait(): Promise<void> {
    for (let turns = Math.floor(this.#random() ** 3 * 12); turns > 0; turns -= 1) {
      await setImmediate();
    }
  }
}

/** A generator that gives the same numbers for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

describe("the lock of a root", () => {
  test("of a hundred that open a new root at once one has it", async () => {
    await using dir = await tempDir();
    const results = await Promise.allSettled(
      Array.from({ length: 100 }, (_, n) =>
        openRoot(dir.path, { self: { pid: n + 1, startTicks: 1, bootId: "b" }, isAlive: () => true }),
      ),
    );
    expect(results.filter((result) => result.status === "fulfilled")).toHaveLength(1);
    for (const result of results) {
      if (result.status === "rejected") {
        expect(result.reason).toMatchObject({ reason: "ROOT_LOCKED" });
      }
    }
  });

  test.each(Array.from({ length: 12 }, (_, seed) => seed))(
    "two never have it, however their steps interleave and whoever dies (seed %i)",
    async (seed) => {
      await using dir = await tempDir();
      const random = seeded(seed);
      const managers = new Managers();
      const waves = Array.from({ length: 8 }, async () => {
        while (managers.held < 25) {
          await managers.run(dir.path, { dies: random() < 0.4, fs: new JitteryFs(random) });
        }
      });
      await Promise.all(waves);
      expect(managers.violations).toBe(0);
    },
  );

  test("a late one that finds its generation free again gives way", async () => {
    await using dir = await tempDir();
    const alive = new Set<number>();
    const isAlive = (process: ProcessIdentity) => alive.has(process.pid);
    const identity = (pid: number): ProcessIdentity => ({ pid, startTicks: 1, bootId: "b" });
    const next = async (pid: number) => {
      alive.add(pid);
      return await openRoot(dir.path, { self: identity(pid), isAlive });
    };
    await (await next(1))[Symbol.asyncDispose]();

    // It has seen the root free and is about to link; two others come and go, and a third stays.
    const gate = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<void>();
    class LateFs extends RecordingFs {
      override async link(from: string, path: string): Promise<void> {
        if (/lock-\d+$/.test(path)) {
          arrived.resolve();
          await gate.promise;
        }
        await nodeFs.link(from, path);
      }
    }
    alive.add(9);
    const late = openRoot(dir.path, { self: identity(9), isAlive, fs: new LateFs() });
    await arrived.promise;
    await (await next(2))[Symbol.asyncDispose]();
    await (await next(3))[Symbol.asyncDispose]();
    await using holder = await next(4);
    gate.resolve();
    await expect(late).rejects.toMatchObject({ reason: "ROOT_LOCKED", metadata: { pid: "4" } });
    await expect(openRoot(dir.path, { self: identity(5), isAlive })).rejects.toMatchObject({ metadata: { pid: "4" } });
    expect(holder.dir).toBe(dir.path);
  });
});
