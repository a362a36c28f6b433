import { basename, dirname, join } from "node:path";
import type { Account, Title } from "@nodemanager/core";
import { GROUP_PASSABLE, PASSABLE } from "./access.ts";
import type { BlobStore } from "./blob-store.ts";
import { buildVersion, type VersionContent } from "./build-version.ts";
import type { LayoutContext } from "./context.ts";
import { corrupt, encodeDocument, readDocument, required } from "./document.ts";
import { titleDocument } from "./documents.ts";
import { exists } from "./exists.ts";
import { CURRENT, INSTANCES } from "./paths.ts";
import { StagedTree } from "./staged-tree.ts";

/** What is in a new installation. */
export interface InstallationContent extends VersionContent {
  readonly title: Title;
  readonly requestId?: string | undefined;
  readonly installedAt: Date;
  readonly env: Readonly<Record<string, string>>;
  readonly args: readonly string[];
  readonly account?: Account | undefined;
  /** The name of the version's directory. */
  readonly version: string;
}

/**
 * Builds an installation and publishes it at `dir`. Whoever calls it keeps others away from the application's directory.
 *
 * @returns false when the place is taken
 * @throws NodeError `STORE_CORRUPT` when the application's directory belongs to another title
 */
export async function buildInstallation(
  context: LayoutContext,
  dir: string,
  content: InstallationContent,
  blobs: BlobStore,
): Promise<boolean> {
  const { title, requestId, installedAt, env, args, packages, account, version } = content;
  const app = dirname(dir);
  // The first one appears together with its application's directory, so that no empty one is ever left.
  const isFirst = !(await exists(context, app));
  if (!isFirst) {
    await checkTitle(context, app, title);
  }
  await using stage = await StagedTree.begin(context, dirname(isFirst ? app : dir));
  if (isFirst) {
    await stage.file("title", encodeDocument({ title }));
    await stage.directory(basename(dir));
  }
  const inStage = (...path: string[]) => join(isFirst ? basename(dir) : "", ...path);
  const settings = { title, requestId, installedAt, env, args, packages, account };
  await stage.file(inStage("settings.json"), encodeDocument(settings));
  await stage.emptyDirectory(inStage(INSTANCES), account && { mode: PASSABLE });
  await stage.directory(inStage(version));
  await buildVersion(context, stage, inStage(version), content, blobs);
  await stage.symlink(inStage(CURRENT), version);
  if (account) {
    await stage.setAccess(inStage(), { owner: { gid: account.gid }, mode: GROUP_PASSABLE });
    // An earlier installation may have been for the manager's own user alone.
    await (isFirst ? stage.setAccess("", { mode: PASSABLE }) : context.fs.setMode(app, PASSABLE));
  }
  return await stage.publish(isFirst ? app : dir);
}

async function checkTitle(context: LayoutContext, app: string, title: Title): Promise<void> {
  const file = join(app, "title");
  const found = (await required(file, readDocument(context.fs, file, titleDocument))).value.title;
  if (found !== title) {
    throw corrupt(file, "title", `is ${JSON.stringify(found)}, not ${JSON.stringify(title)}`);
  }
}
