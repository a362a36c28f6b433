import { abortable, describeExit, NodeError } from "@nodemanager/core";
import type { ParentHandle } from "@nodemanager/exec";
import type { ScratchRoot } from "@nodemanager/layout";
import type { TrialConnection } from "./trial-client.ts";

/** A candidate that serves, and what is known of how it should be. */
export interface CheckedCandidate {
  readonly connection: TrialConnection;
  readonly handle: ParentHandle;
  readonly scratch: ScratchRoot;
  /** The version of the scratch root that it can go back to. */
  readonly previous: string;
  /** What its envelope says of it. */
  readonly version: string;
  readonly restartStatus: number;
}

/** One question to a candidate. Fails with a sentence that says what it did instead. */
export interface TrialCheck {
  /** What it is asked to do. */
  readonly name: string;
  run(candidate: CheckedCandidate, signal: AbortSignal): Promise<void>;
}

/**
 * What a candidate must do before anything is switched to it, in this order; each needs the ones before. That it calls back
 * means that it has read a copy of today's settings and of the root's format.
 */
export const TRIAL_CHECKS: readonly TrialCheck[] = [
  {
    name: "serve",
    async run({ connection }, signal) {
      require(await connection.isServing(signal), "it says that it does not serve");
    },
  },
  {
    name: "say its version",
    async run({ connection, version }, signal) {
      const found = (await connection.status(signal)).version;
      require(found === version, `it says that it is version ${JSON.stringify(found)}`);
    },
  },
  {
    name: "use its root",
    async run({ connection, scratch }, signal) {
      const { root } = await connection.status(signal);
      require(root === scratch.root, `it uses ${JSON.stringify(root)}, and was given ${scratch.root}`);
    },
  },
  {
    name: "revert",
    async run({ connection, scratch, previous }, signal) {
      await connection.revert(signal);
      const current = await scratch.manager.current(scratch.currentLink);
      require(current === previous, `its link points to ${current ?? "nothing"}, and not to ${previous}`);
    },
  },
  {
    name: "end in order",
    async run({ handle, restartStatus }, signal) {
      const exit = await abortable(handle.exited, signal);
      require(exit.kind === "code" &&
        exit.code === restartStatus, `it ${describeExit(exit)}, and not with ${restartStatus}`);
    },
  },
];

function require(isSo: boolean, otherwise: string): void {
  if (!isSo) {
    throw new NodeError("TRIAL_FAILED", otherwise);
  }
}
