import {
  type BinaryRef,
  type Envelope,
  encodeEnvelope,
  isSameEnvelope,
  MANAGER_TITLE,
  NodeError,
} from "@nodemanager/core";
import type { WorkspaceRecord } from "@nodemanager/layout";
import type { Origin, Repository } from "@nodemanager/repository";
import type { TaskContext } from "../batch.ts";
import type { Context } from "../context.ts";
import { checkRunsHere } from "../ops/build-options.ts";
import { fetchVersion } from "../ops/fetch-version.ts";
import type { OwnVersion } from "./own-version.ts";
import type { SelfUpdateSetup } from "./setup.ts";
import { startScript } from "./start-script.ts";

/** What the origin offers, checked. */
export interface Offer {
  readonly envelope: Envelope;
  readonly binary: BinaryRef;
}

/**
 * Asks the origin what there is for this node, and whether the manager may become it.
 *
 * @throws NodeError `TITLE_MISMATCH`, `INVALID_ENVELOPE`, `UPDATE_NOT_AVAILABLE`, and as a repository does
 */
export async function offerOf(
  ctx: Context,
  repository: Repository,
  origin: Origin,
  own: OwnVersion,
  signal: AbortSignal,
): Promise<Offer> {
  const { envelope } = await repository.applications.match(origin.application, {
    profiles: await ctx.node.profiles(),
    signal,
    version: origin.version,
  });
  if (envelope.title !== MANAGER_TITLE) {
    throw new NodeError(
      "TITLE_MISMATCH",
      `the origin offers ${JSON.stringify(envelope.title)}, and not ${JSON.stringify(MANAGER_TITLE)}`,
      { metadata: { expected: MANAGER_TITLE, found: envelope.title } },
    );
  }
  const { binary } = envelope;
  if (!binary) {
    throw invalid("command", "the manager is a single file");
  }
  // Its settings are the node's: a publisher has no say in them.
  for (const field of ["args", "env", "packages"] as const) {
    if (Object.keys(envelope[field]).length > 0) {
      throw invalid(field, "an envelope of the manager has none");
    }
  }
  if (isSameEnvelope(envelope, own.envelope) || isSameFactory(envelope, own)) {
    throw new NodeError("UPDATE_NOT_AVAILABLE", `the manager is version ${envelope.version} already`, {
      metadata: { version: envelope.version },
    });
  }
  return { envelope, binary };
}

/** Of a version that came without an envelope nothing but these can be compared. */
function isSameFactory(envelope: Envelope, own: OwnVersion): boolean {
  return (
    own.envelope.publisher === "" &&
    own.envelope.version === envelope.version &&
    own.binary.sha256 === envelope.binary?.sha256
  );
}

/** A candidate, staged and not current. Disposing removes it, and what was fetched for it, unless it was kept. */
export interface Candidate extends AsyncDisposable {
  readonly workspace: WorkspaceRecord;
  keep(): void;
}

/**
 * Makes the workspace of a candidate.
 *
 * @throws NodeError as `fetchVersion`, `DISK_FULL`; nothing stays then
 */
export async function stageCandidate(
  ctx: Context,
  repository: Repository,
  { envelope, binary }: Offer,
  from: { readonly own: OwnVersion; readonly previous: string; readonly setup: SelfUpdateSetup },
  o: TaskContext,
): Promise<Candidate> {
  const { own, previous, setup } = from;
  // These very bytes run from there: there is nothing to fetch, and nothing to check.
  const ownFile = binary.sha256 === own.binary.sha256 ? own.workspace?.programFile : undefined;
  await using undo = new AsyncDisposableStack();
  const fetched = ownFile === undefined ? undo.use(await fetchVersion(ctx, repository, envelope, o)) : undefined;
  o.report({ phase: "staging", done: 0, goal: 0, unit: "" });
  const workspace = await ctx.root.manager.stage({
    binary: ownFile ?? ctx.root.blobs.path(binary.sha256),
    script: startScript(setup),
    settings: setup.settings,
    envelope: encodeEnvelope(envelope),
    previous,
    checkProgram: (head) => checkRunsHere(ctx, head),
  });
  const all = undo.move();
  let isKept = false;
  return {
    workspace,
    keep: () => {
      isKept = true;
      fetched?.keep();
    },
    async [Symbol.asyncDispose]() {
      try {
        if (!isKept) {
          await ctx.root.manager.retire(workspace.version);
        }
      } finally {
        await all.disposeAsync();
      }
    },
  };
}

function invalid(field: string, why: string): NodeError {
  return new NodeError("INVALID_ENVELOPE", `envelope of the manager: ${field}: ${why}`, { metadata: { field } });
}
