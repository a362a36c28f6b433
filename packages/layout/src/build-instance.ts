import { dirname } from "node:path";
import type { Account } from "@nodemanager/core";
import { LOGS_MODE, PASSABLE } from "./access.ts";
import type { LayoutContext } from "./context.ts";
import { DIRECTORY_MODE } from "./directories.ts";
import { encodeDocument } from "./document.ts";
import { INSTANCE_DOCUMENT, SUSPENDED, VERSION } from "./instance-reader.ts";
import { pinnedVersionTarget } from "./paths.ts";
import type { Suspension } from "./records.ts";
import { type PublishOptions, StagedTree } from "./staged-tree.ts";

/** What is in a new instance. */
export interface InstanceContent {
  readonly createdAt: Date;
  readonly requestId?: string | undefined;
  readonly suspension: Suspension;
  /** The name of the version's directory that it pins. */
  readonly version: string;
  readonly account?: Account | undefined;
}

/**
 * Builds an instance and publishes it at `dir`.
 *
 * @returns false when the place is taken
 * @throws `ENOENT` when there is no place for instances
 */
export async function buildInstance(
  context: LayoutContext,
  dir: string,
  { createdAt, requestId, suspension, version, account }: InstanceContent,
  o: PublishOptions,
): Promise<boolean> {
  await using stage = await StagedTree.begin(context, dirname(dir));
  await stage.file(INSTANCE_DOCUMENT, encodeDocument({ createdAt, requestId }));
  await stage.file(SUSPENDED, encodeDocument(suspension));
  await stage.emptyDirectory("root", account && { owner: account, mode: DIRECTORY_MODE });
  await stage.emptyDirectory("logs", account && { owner: { gid: account.gid }, mode: LOGS_MODE });
  await stage.symlink(VERSION, pinnedVersionTarget(version));
  if (account) {
    await stage.setAccess("", { mode: PASSABLE });
  }
  return await stage.publish(dir, o);
}
