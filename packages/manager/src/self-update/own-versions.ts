import { formatName, hasReason } from "@nodemanager/core";
import type { TaskContext } from "../batch.ts";
import type { Context } from "../context.ts";
import type { OperationEvent, OperationOptions, Outcome } from "../operation.ts";
import type { Operations } from "../operations.ts";
import { SelfUpdate } from "./self-update.ts";
import type { SelfUpdateSetup } from "./setup.ts";
import { OwnStanding } from "./standing.ts";
import { notConfigured } from "./switch-link.ts";

const NM = formatName({ kind: "manager" });

/** The manager's own versions: moves between them as operations, and how the one that runs stands. */
export class OwnVersions {
  readonly #operations: Operations;
  readonly #parts: { readonly moves: SelfUpdate; readonly standing: OwnStanding } | undefined;
  #hasMoved = false;

  /** @param end - ends the manager; throws `SHUTTING_DOWN` when that is under way */
  constructor(
    ctx: Context,
    operations: Operations,
    o: { readonly selfUpdate?: SelfUpdateSetup | undefined; readonly version: string },
    end: () => void,
  ) {
    this.#operations = operations;
    const { selfUpdate: setup, version } = o;
    const onMoved = () => this.#restart(end);
    this.#parts = setup && {
      moves: new SelfUpdate(ctx, { setup, version, onMoved }),
      standing: new OwnStanding(ctx, setup),
    };
  }

  get hasMoved(): boolean {
    return this.#hasMoved;
  }

  update(options: OperationOptions): AsyncIterable<OperationEvent> {
    return this.#run("update", options, (moves, task) => moves.update(options.requestId, task));
  }

  revert(options: OperationOptions): AsyncIterable<OperationEvent> {
    return this.#run("revert", options, (moves, task) => moves.revert(options.requestId, task));
  }

  async recover(): Promise<readonly string[]> {
    return (await this.#parts?.standing.recover()) ?? [];
  }

  async serves(closing: AbortSignal, track: (work: Promise<void>) => Promise<void>): Promise<void> {
    await this.#parts?.standing.serves(closing, track);
  }

  /** The workspaces that are due to be removed. */
  async collectable(): Promise<readonly string[]> {
    return (await this.#parts?.standing.collectable()) ?? [];
  }

  async status(): ReturnType<OwnStanding["status"]> {
    return (await this.#parts?.standing.status()) ?? { origin: "", workspace: "", previousVersion: "", healthy: false };
  }

  async *#run(
    verb: string,
    options: OperationOptions,
    work: (moves: SelfUpdate, task: TaskContext) => Promise<Outcome>,
  ): AsyncGenerator<OperationEvent> {
    const moves = this.#parts?.moves;
    const run = async (task: TaskContext) => {
      if (!moves) {
        throw notConfigured("this manager cannot move itself to another version");
      }
      return await work(moves, task);
    };
    try {
      yield* this.#operations.run({ verb, name: NM }, options, async () => ({
        single: true,
        parallel: 1,
        tasks: [{ name: NM, run }],
      }));
    } catch (error) {
      if (hasReason(error, "SHUTTING_DOWN")) {
        // It ends because of a move: that is what the caller has to know.
        moves?.requireFree();
      }
      throw error;
    }
  }

  #restart(end: () => void): void {
    try {
      end();
      this.#hasMoved = true;
    } catch (error) {
      if (!hasReason(error, "SHUTTING_DOWN")) {
        throw error;
      }
      // Whoever ends it meanwhile decides whether it is started again.
    }
  }
}
