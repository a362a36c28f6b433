import { basename } from "node:path";
import { formatName, hasReason, type InstallationName, type InstanceName, throwIfAborted } from "@nodemanager/core";
import type { FreedSpace } from "@nodemanager/layout";
import type { Context } from "../context.ts";
import { installations } from "../found.ts";
import type { TidyOptions, TidyReport } from "../operation.ts";
import type { OwnVersions } from "../self-update/own-versions.ts";
import { sizeText } from "../size-text.ts";
import { collectBinaries } from "./collect.ts";

/** One run of it. */
interface Tidying {
  readonly ctx: Context;
  readonly own: Pick<OwnVersions, "collectable">;
  readonly dryRun: boolean;
  /** What was over after that stays. */
  readonly before: Date | undefined;
  readonly freed: FreedSpace;
  readonly signal: AbortSignal;
  /** Notes what goes, with the bytes that this frees. */
  readonly note: (what: string, bytes: number) => void;
}

/** Each removes one kind of thing. Versions come before the binaries that they are the last to link to. */
const COLLECTORS: readonly ((tidying: Tidying) => Promise<void>)[] = [
  uninstalledInstallations,
  stoppedInstances,
  oldVersions,
  ownWorkspaces,
  unusedBinaries,
];

/**
 * Removes what is no longer needed: installations that are uninstalled, instances that are stopped, old versions of
 * installations and of the manager itself, and binaries that nothing uses any more. How old something is was written down
 * when it was over. What somebody is working on is left alone. With what it removes go the request ids that were recorded
 * there.
 *
 * @throws NodeError `DISK_FULL`, `READ_ONLY`, `ROOT_NOT_WRITABLE`, or the signal's error; what was removed is gone then
 */
export async function tidy(ctx: Context, o: TidyOptions & Pick<Tidying, "own" | "signal">): Promise<TidyReport> {
  const { dryRun = false, olderThanMs, signal, own } = o;
  const removed: string[] = [];
  const freed = ctx.root.freedSpace();
  const tidying: Tidying = {
    ctx,
    own,
    dryRun,
    before: olderThanMs === undefined ? undefined : new Date(ctx.clock.now().getTime() - olderThanMs),
    freed,
    signal,
    note: (what, bytes) => removed.push(`${what}, ${sizeText(bytes)}`),
  };
  for (const collect of COLLECTORS) {
    await collect(tidying);
  }
  return { removed, freedBytes: freed.bytes };
}

async function uninstalledInstallations(tidying: Tidying): Promise<void> {
  const { ctx, dryRun, freed, note, signal } = tidying;
  for await (const name of ctx.root.installations.uninstalled()) {
    throwIfAborted(signal);
    const dir = ctx.root.installations.uninstalledDir(name);
    if (isDue(tidying, await uninstalledAt(ctx, name))) {
      const bytes = await freed.add(dir);
      if (!dryRun) {
        await ctx.root.installations.retire(name);
      }
      note(`the uninstalled ${formatName(name)}`, bytes);
    }
  }
  if (!dryRun) {
    await ctx.root.installations.retireEmptyApplications();
  }
}

/** One whose record cannot be read was uninstalled nobody knows when. */
async function uninstalledAt(ctx: Context, name: InstallationName): Promise<Date> {
  try {
    return (await ctx.root.installations.uninstallation(name))?.at ?? new Date(0);
  } catch (error) {
    if (hasReason(error, "STORE_CORRUPT")) {
      return new Date(0);
    }
    throw error;
  }
}

async function stoppedInstances(tidying: Tidying): Promise<void> {
  const { ctx, dryRun, freed, note, signal } = tidying;
  for await (const installation of inUse(ctx)) {
    for await (const record of ctx.root.instances.list(installation, { stopped: true })) {
      throwIfAborted(signal);
      if (record.kind === "instance" && record.state === "stopped" && isDue(tidying, record.at)) {
        const bytes = await freed.add(record.dir);
        if (dryRun || (await retired(ctx, record.name))) {
          note(`the stopped ${formatName(record.name)}`, bytes);
        }
      }
    }
  }
}

/** An uninstallation may be faster: it takes the directory along. */
async function retired(ctx: Context, name: InstanceName): Promise<boolean> {
  try {
    await ctx.root.instances.retire(name);
    return true;
  } catch (error) {
    if (hasReason(error, "INSTANCE_NOT_FOUND")) {
      return false;
    }
    throw error;
  }
}

async function oldVersions({ ctx, dryRun, before, freed, note, signal }: Tidying): Promise<void> {
  for await (const name of inUse(ctx)) {
    throwIfAborted(signal);
    using lock = ctx.moving.tryAcquire(formatName(name));
    if (!lock) {
      continue;
    }
    await ctx.root.installations.versions.collect(name, {
      keep: ctx.keepVersions,
      before,
      async each(versionDir) {
        note(`version ${await labelOf(ctx, versionDir)} of ${formatName(name)}`, await freed.add(versionDir));
        return !dryRun;
      },
    });
  }
}

/** Its semantic version, or what its directory is called. */
async function labelOf(ctx: Context, versionDir: string): Promise<string> {
  try {
    return (await ctx.root.installations.versions.read(versionDir)).envelope.version;
  } catch (error) {
    if (hasReason(error, "STORE_CORRUPT")) {
      return basename(versionDir);
    }
    throw error;
  }
}

async function ownWorkspaces(tidying: Tidying): Promise<void> {
  const { ctx, own, dryRun, freed, note, signal } = tidying;
  for (const version of await own.collectable()) {
    throwIfAborted(signal);
    try {
      const { dir, followedAt } = await ctx.root.manager.place(version);
      if (isDue(tidying, followedAt)) {
        const bytes = await freed.add(dir);
        if (!dryRun) {
          await ctx.root.manager.retire(version);
        }
        note(`the manager's version ${version}`, bytes);
      }
    } catch (error) {
      // A manager that has just become healthy collects them, too.
      if (!hasReason(error, "VERSION_NOT_FOUND")) {
        throw error;
      }
    }
  }
}

async function unusedBinaries({ ctx, dryRun, freed, note, signal }: Tidying): Promise<void> {
  await collectBinaries(ctx, {
    // The versions that would go are still there: whether one is unused then, the count knows.
    all: dryRun,
    async each({ sha256 }) {
      throwIfAborted(signal);
      const bytes = await freed.add(ctx.root.blobs.path(sha256));
      if (bytes > 0 || !dryRun) {
        note(`the unused binary ${sha256}`, bytes);
      }
      return !dryRun;
    },
  });
}

async function* inUse(ctx: Context): AsyncGenerator<InstallationName> {
  for await (const { name, record } of installations(ctx.root)) {
    if (name && record.kind === "installation" && record.state === "installed") {
      yield name;
    }
  }
}

function isDue({ before }: Tidying, at: Date): boolean {
  return before === undefined || at.getTime() <= before.getTime();
}
