import { basename, join } from "node:path";
import { isErrno, type ProcessIdentity } from "@nodemanager/core";
import type * as v from "valibot";
import type { LayoutContext } from "./context.ts";
import { corrupt, type DocumentSchema, readDocument, readJsonObject, required } from "./document.ts";
import { failureDocument, fellBackDocument, healthyDocument, trialDocument } from "./documents.ts";
import { exists } from "./exists.ts";
import { previousVersionDir } from "./paths.ts";
import { readLinkIfThere } from "./read-link.ts";

/** One version of the manager itself. */
export interface WorkspaceRecord {
  readonly kind: "workspace";
  /** Its directory's name, `0001-20261122T091500Z`. */
  readonly version: string;
  readonly dir: string;
  /** The manager itself, one file. */
  readonly programFile: string;
  /** What the current link points to when this version is the current one. */
  readonly scriptFile: string;
  readonly settingsFile: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly envelope: Readonly<Record<string, unknown>>;
  /** The version that a revert goes back to. */
  readonly previous?: string | undefined;
  /** Since when it is known to serve. */
  readonly healthyAt?: Date | undefined;
  /** Whether its script has counted a start of it. */
  readonly wasStarted: boolean;
  /** When its script gave it up and went back to the previous version. */
  readonly fellBackAt?: Date | undefined;
  /** Why its last start failed. */
  readonly failure?: StartFailure | undefined;
  /** Who runs it on trial, or did. */
  readonly trial?: Trial | undefined;
}

/** The process that runs a version on trial. */
export interface Trial {
  readonly process: ProcessIdentity;
  readonly launchId: string;
  readonly cgroup?: string | undefined;
}

/** Why a version of the manager could not start. */
export interface StartFailure {
  readonly at: Date;
  readonly reason: string;
  readonly message: string;
}

/** Where the parts of a workspace are. */
export type WorkspaceFiles = Pick<WorkspaceRecord, "version" | "dir" | "programFile" | "scriptFile" | "settingsFile">;

/** Names in a workspace. The start script knows those in the second line, too. */
export const WORKSPACE = {
  envelope: "envelope.json",
  program: "noded",
  script: "noded.sh",
  settings: "settings.json",
  previous: "previous",
  healthy: "healthy",
  starts: "starts",
  fellBack: "fell-back",
  failure: "failure",
  trial: "trial",
} as const;

export function workspaceFiles(dir: string): WorkspaceFiles {
  return {
    version: basename(dir),
    dir,
    programFile: join(dir, WORKSPACE.program),
    scriptFile: join(dir, WORKSPACE.script),
    settingsFile: join(dir, WORKSPACE.settings),
  };
}

/**
 * Reads a workspace that is there.
 *
 * @throws NodeError `STORE_CORRUPT`
 */
export async function readWorkspace(context: LayoutContext, dir: string): Promise<WorkspaceRecord> {
  const object = (name: string) => required(join(dir, name), readJsonObject(context.fs, join(dir, name)));
  const [settings, envelope] = await Promise.all([object(WORKSPACE.settings), object(WORKSPACE.envelope)]);
  return {
    kind: "workspace",
    ...workspaceFiles(dir),
    settings: withoutVersion(settings),
    envelope: withoutVersion(envelope),
    previous: await readPrevious(context, dir),
    healthyAt: (await optional(context, join(dir, WORKSPACE.healthy), healthyDocument))?.at,
    wasStarted: await exists(context, join(dir, WORKSPACE.starts)),
    fellBackAt: (await optional(context, join(dir, WORKSPACE.fellBack), fellBackDocument))?.at,
    failure: await optional(context, join(dir, WORKSPACE.failure), failureDocument),
    trial: await optional(context, join(dir, WORKSPACE.trial), trialDocument),
  };
}

async function readPrevious(context: LayoutContext, dir: string): Promise<string | undefined> {
  const link = join(dir, WORKSPACE.previous);
  const target = await readLinkIfThere(context, link);
  if (target === undefined) {
    return undefined;
  }
  const previous = previousVersionDir(dir, target);
  if (previous === undefined) {
    throw corrupt(link, "", `points to ${JSON.stringify(target)}, which is no version before it`);
  }
  return basename(previous);
}

/** A document that need not be there. */
export async function optional<S extends DocumentSchema>(
  context: LayoutContext,
  file: string,
  schema: S,
): Promise<v.InferOutput<S> | undefined> {
  try {
    return (await readDocument(context.fs, file, schema)).value;
  } catch (error) {
    if (isErrno(error, "ENOENT")) {
      return undefined;
    }
    throw error;
  }
}

function withoutVersion(document: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { schemaVersion: _, ...rest } = document;
  return rest;
}
