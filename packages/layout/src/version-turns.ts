import { KeyedMutex } from "@nodemanager/core";

/**
 * Keeps apart, by the directories of installations, what moves `current` or removes versions, and who is about to pin
 * a version. There is one manager a root, so what it holds apart within its process is held apart.
 */
export class VersionTurns {
  readonly #turns = new KeyedMutex();
  readonly #pinning = new Map<string, number>();

  /** Waits for the right to move `current`, to move instances, or to remove versions. */
  async acquire(installationDir: string): Promise<Disposable> {
    return await this.#turns.acquire(installationDir);
  }

  /**
   * To be held from before `current` is read until what was read is pinned: the version stays meanwhile, also when
   * `current` moves on. Waits for nobody.
   */
  pin(installationDir: string): Disposable {
    this.#pinning.set(installationDir, this.#count(installationDir) + 1);
    return {
      [Symbol.dispose]: () => {
        const left = this.#count(installationDir) - 1;
        if (left > 0) {
          this.#pinning.set(installationDir, left);
        } else {
          this.#pinning.delete(installationDir);
        }
      },
    };
  }

  /**
   * Whether somebody may be about to pin a version that is not `current` any more. Who begins later, while a turn is
   * held, reads the `current` that stays as it is.
   */
  isPinning(installationDir: string): boolean {
    return this.#count(installationDir) > 0;
  }

  #count(installationDir: string): number {
    return this.#pinning.get(installationDir) ?? 0;
  }
}
