import { formatName, NodeError, throwIfAborted } from "@nodemanager/core";
import type { ManagerMove, WorkspaceRecord } from "@nodemanager/layout";
import { parseOrigin } from "@nodemanager/repository";
import type { TaskContext } from "../batch.ts";
import type { Context } from "../context.ts";
import type { Outcome } from "../operation.ts";
import { offerOf, stageCandidate } from "./candidate.ts";
import { envelopeOf } from "./envelope-of.ts";
import { ownVersion, stageOwnVersion } from "./own-version.ts";
import { revertTarget } from "./revert-target.ts";
import type { SelfUpdateSetup } from "./setup.ts";
import { lastUpdate } from "./standing.ts";
import { checkLink, makeMove, notConfigured } from "./switch-link.ts";
import { tryCandidate } from "./trial.ts";

const NM = formatName({ kind: "manager" });

export interface SelfUpdateOptions {
  readonly setup: SelfUpdateSetup;
  /** The semantic version that runs. */
  readonly version: string;
  /** Called once, when the link points to another version: the manager is to end and be started again. */
  readonly onMoved: () => void;
}

/** Moves the manager itself to another version and back. One move at a time, and none after one that was made. */
export class SelfUpdate {
  readonly #ctx: Context;
  readonly #options: SelfUpdateOptions;
  #state: "free" | "moving" | "moved" = "free";

  constructor(ctx: Context, options: SelfUpdateOptions) {
    this.#ctx = ctx;
    this.#options = options;
  }

  /**
   * Checks that no move is under way: also while the manager ends because of one.
   *
   * @throws NodeError `OPERATION_IN_PROGRESS`
   */
  requireFree(): void {
    if (this.#state !== "free") {
      const what = this.#state === "moving" ? "is being moved to another version" : "is about to start another version";
      throw new NodeError("OPERATION_IN_PROGRESS", `the manager ${what} already`);
    }
  }

  /**
   * Moves to what the origin offers.
   *
   * 1. its envelope; what runs becomes a workspace if it is none, so that there is something to go back to
   * 2. its binary, unless these very bytes run, and its workspace
   * 3. the trial
   * 4. the link, the commit point; after it the manager ends, and init starts the new version
   *
   * A failure or cancel before 4 leaves nothing of the candidate.
   *
   * @throws NodeError `SELF_UPDATE_NOT_CONFIGURED`, `OPERATION_IN_PROGRESS`, `TITLE_MISMATCH`, `INVALID_ENVELOPE`,
   *   `UPDATE_NOT_AVAILABLE`, `TRIAL_FAILED`, `UPDATE_FAILED` for the request id of a move that fell back, and as an
   *   installation does
   */
  async update(requestId: string | undefined, o: TaskContext): Promise<Outcome> {
    return await this.#alone("update", requestId, async () => {
      const { ctx, setup, version } = { ctx: this.#ctx, ...this.#options };
      const { currentLink, programFile } = await this.#means();
      if (setup.origin === undefined) {
        throw notConfigured("the manager was not told where its versions come from: start it with --origin");
      }
      o.report({ phase: "matching", done: 0, goal: 0, unit: "" });
      const origin = parseOrigin(setup.origin);
      const own = await ownVersion(ctx.root, programFile, version);
      await using repository = await ctx.openRepository(origin.repository);
      const offer = await offerOf(ctx, repository, origin, own, o.signal);
      await using undo = new AsyncDisposableStack();
      const from = own.workspace ?? (await stageOwnVersion(ctx, own, { setup, signal: o.signal }));
      if (!own.workspace) {
        undo.defer(() => ctx.root.manager.retire(from.version));
      }
      const staging = { own: { ...own, workspace: from }, previous: from.version, setup };
      await using candidate = await stageCandidate(ctx, repository, offer, staging, o);
      await tryCandidate(ctx, setup, candidate.workspace, offer.envelope, o);
      const outcome = await this.#move("update", { from, to: candidate.workspace, currentLink, requestId }, o);
      candidate.keep();
      undo.move();
      return outcome;
    });
  }

  /**
   * Moves back to the version before the one that runs; that one was healthy, so it is not tried again.
   *
   * @throws NodeError `SELF_UPDATE_NOT_CONFIGURED`, `OPERATION_IN_PROGRESS`, `NO_PREVIOUS_VERSION`, `STORE_CORRUPT`
   */
  async revert(requestId: string | undefined, o: TaskContext): Promise<Outcome> {
    return await this.#alone("revert", requestId, async () => {
      const { manager } = this.#ctx.root;
      const { currentLink, programFile } = await this.#means();
      const running = await manager.workspaceOf(programFile);
      const from = running === undefined ? undefined : await manager.read(running);
      const to = await revertTarget(manager, from);
      return await this.#move("revert", { from: from ?? to, to, currentLink, requestId }, o);
    });
  }

  /** What a move needs to be told. */
  async #means(): Promise<{ readonly currentLink: string; readonly programFile: string }> {
    const { currentLink, programFile } = this.#options.setup;
    if (currentLink === undefined) {
      throw notConfigured("the manager does not know which link init starts: start it with --current-link");
    }
    if (programFile === undefined) {
      throw notConfigured("this manager is not a single file, so it cannot replace itself: install one that is");
    }
    await checkLink(currentLink);
    return { currentLink, programFile };
  }

  async #alone(
    kind: ManagerMove["kind"],
    requestId: string | undefined,
    work: () => Promise<Outcome>,
  ): Promise<Outcome> {
    this.requireFree();
    this.#state = "moving";
    try {
      return (await this.#earlier(kind, requestId)) ?? (await work());
    } finally {
      if (this.#state === "moving") {
        this.#state = "free";
      }
    }
  }

  /** What a call with this request id came to before the manager was started again. */
  async #earlier(kind: ManagerMove["kind"], requestId: string | undefined): Promise<Outcome | undefined> {
    const found = requestId === undefined ? undefined : await lastUpdate(this.#ctx, this.#options.setup, false);
    if (!found || found.requestId !== requestId) {
      return undefined;
    }
    if (found.kind !== kind) {
      throw new NodeError("INVALID_ARGUMENT", `request id ${JSON.stringify(requestId)} was used for ${found.kind}`);
    }
    if (found.state === "fell-back") {
      throw new NodeError(
        "UPDATE_FAILED",
        `version ${found.fromVersion} runs again, because of ${found.toVersion} ${found.why}`,
      );
    }
    return { object: NM, note: "moved by an earlier call with this request id" };
  }

  async #move(
    kind: ManagerMove["kind"],
    o: {
      readonly from: WorkspaceRecord;
      readonly to: WorkspaceRecord;
      readonly currentLink: string;
      readonly requestId: string | undefined;
    },
    { signal, report }: TaskContext,
  ): Promise<Outcome> {
    const { from, to, currentLink, requestId } = o;
    const fromVersion = envelopeOf(from).version;
    const toVersion = envelopeOf(to).version;
    throwIfAborted(signal);
    report({ phase: "switching", done: 0, goal: 0, unit: "" });
    await makeMove(this.#ctx, currentLink, {
      kind,
      from: from.version,
      fromVersion,
      to: to.version,
      toVersion,
      at: this.#ctx.clock.now(),
      requestId,
    });
    this.#state = "moved";
    this.#ctx.logger.info("the manager moves to another version", { kind, from: fromVersion, to: toVersion });
    report({ phase: "restarting", done: 0, goal: 0, unit: "" });
    this.#options.onMoved();
    return {
      object: NM,
      note: `version ${toVersion} is started next, after ${fromVersion}`,
      changes: [{ field: "version", from: fromVersion, to: toVersion }],
    };
  }
}
