import { hasReason, throwIfAborted } from "@nodemanager/core";
import type { ManagerMove, WorkspaceRecord } from "@nodemanager/layout";
import type { Context } from "../context.ts";
import type { ManagerStatus, ManagerUpdate } from "../status.ts";
import { collectableWorkspaces, collectWorkspaces } from "./collect-workspaces.ts";
import { envelopeOf } from "./envelope-of.ts";
import { lastUpdateOf } from "./last-update.ts";
import type { SelfUpdateSetup } from "./setup.ts";
import { sweepCandidates } from "./sweep-candidates.ts";

type Standing = Pick<ManagerStatus, "origin" | "workspace" | "previousVersion" | "healthy" | "lastUpdate">;

/** How the version that runs stands: whether it counts as healthy, and what it came from. */
export class OwnStanding {
  readonly #ctx: Context;
  readonly #setup: SelfUpdateSetup;
  #isHealthy = false;

  constructor(ctx: Context, setup: SelfUpdateSetup) {
    this.#ctx = ctx;
    this.#setup = setup;
  }

  /**
   * Brings the manager's own versions in order after whatever happened.
   *
   * @returns what was done, a line each, also what could not be
   */
  async recover(): Promise<readonly string[]> {
    const { currentLink } = this.#setup;
    if (currentLink === undefined) {
      return [];
    }
    try {
      const { manager } = this.#ctx.root;
      const current = await manager.current(currentLink);
      const swept = await sweepCandidates(this.#ctx, { current, running: await this.#running() });
      const update = await this.#lastUpdate();
      return update?.state === "fell-back"
        ? [...swept, `version ${update.toVersion} was given up: ${update.why}`]
        : swept;
    } catch (error) {
      this.#ctx.logger.warn("the manager's own versions are not in order", { error });
      return [`the manager's own versions: ${error instanceof Error ? error.message : String(error)}`];
    }
  }

  /**
   * To be called when the manager has recovered and serves. When it has gone on serving for its time it counts as healthy, for
   * good, and older versions are collected. Settles then, or when the signal aborts; never rejects.
   *
   * @param track - is given what must have come to its end before the root is given back: the waiting is none of it
   */
  async serves(signal: AbortSignal, track: (work: Promise<void>) => Promise<void>): Promise<void> {
    while (!this.#isHealthy && !signal.aborted) {
      try {
        await this.#ctx.clock.sleep(this.#setup.healthyAfterMs, signal);
        throwIfAborted(signal);
        await track(this.#becomeHealthy());
      } catch (error) {
        // A full disk is no reason to give this version up at once: it serves. Once more after the same time.
        if (!signal.aborted) {
          this.#ctx.logger.warn("that this version is healthy could not be noted", { error });
        }
      }
    }
  }

  /** The workspaces that are due to be removed. */
  async collectable(): Promise<readonly string[]> {
    const { currentLink } = this.#setup;
    return await collectableWorkspaces(this.#ctx.root.manager, { currentLink, running: await this.#running() });
  }

  async status(): Promise<Standing> {
    const running = await this.#readRunning();
    return {
      origin: this.#setup.origin ?? "",
      workspace: running?.version ?? "",
      previousVersion: (await this.#previousVersion(running)) ?? "",
      healthy: this.#isHealthy || running?.healthyAt !== undefined,
      lastUpdate: await this.#lastUpdate(),
    };
  }

  async #becomeHealthy(): Promise<void> {
    const { manager } = this.#ctx.root;
    const running = await this.#running();
    if (running !== undefined && (await manager.read(running)).healthyAt === undefined) {
      await manager.markHealthy(running);
      this.#ctx.logger.info("this version counts as healthy", { workspace: running });
    }
    this.#isHealthy = true;
    const { currentLink } = this.#setup;
    await collectWorkspaces(manager, { currentLink, running }).catch((error: unknown) => {
      this.#ctx.logger.warn("old versions of the manager could not be removed", { error });
    });
  }

  async #running(): Promise<string | undefined> {
    const { programFile } = this.#setup;
    return programFile === undefined ? undefined : await this.#ctx.root.manager.workspaceOf(programFile);
  }

  /** A damaged workspace is no reason not to answer. */
  async #readRunning(): Promise<WorkspaceRecord | undefined> {
    const running = await this.#running();
    return running === undefined ? undefined : await orNothing(this.#ctx.root.manager.read(running));
  }

  async #previousVersion(running: WorkspaceRecord | undefined): Promise<string | undefined> {
    if (running?.previous === undefined) {
      return undefined;
    }
    return await orNothing(this.#ctx.root.manager.read(running.previous).then((record) => envelopeOf(record).version));
  }

  async #lastUpdate(): Promise<ManagerUpdate | undefined> {
    return await orNothing(lastUpdate(this.#ctx, this.#setup, this.#isHealthy));
  }
}

/**
 * What became of the last move, for the version that runs.
 *
 * @param isHealthy - whether it counts as healthy, whatever is noted
 */
export async function lastUpdate(
  ctx: Context,
  { programFile }: SelfUpdateSetup,
  isHealthy: boolean,
): Promise<(ManagerUpdate & Pick<ManagerMove, "kind">) | undefined> {
  const { manager } = ctx.root;
  const move = await manager.lastMove();
  const running = programFile === undefined ? undefined : await manager.workspaceOf(programFile);
  if (!move) {
    return undefined;
  }
  const to = await orNothing(manager.read(move.to));
  const found = lastUpdateOf(move, { running, isHealthy: isHealthy || to?.healthyAt !== undefined, to });
  return found && { ...found, kind: move.kind };
}

async function orNothing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (hasReason(error, "STORE_CORRUPT", "VERSION_NOT_FOUND")) {
      return undefined;
    }
    throw error;
  }
}
