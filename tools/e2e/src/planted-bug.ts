import { basename, join } from "node:path";
import type { FsOps } from "@nodemanager/layout";

/** Mistakes that a kill at the right step must bring to light; a check that misses them checks nothing. */
export const PLANTED_BUGS = ["torn-publish", "wrong-identity"] as const;
export type PlantedBug = (typeof PLANTED_BUGS)[number];

/** The verbs of a file system, with a mistake in one of them. */
export function withBug(fs: FsOps, bug: PlantedBug): FsOps {
  switch (bug) {
    case "torn-publish":
      return { ...fs, rename: (from, to) => tornRename(fs, from, to) };
    case "wrong-identity":
      return { ...fs, createFile: (path, mode) => withWrongIdentity(fs, path, mode) };
  }
}

/** Publishes a tree entry by entry in its final place, as a program does that builds nothing out of sight. */
async function tornRename(fs: FsOps, from: string, to: string): Promise<void> {
  const { kind, mode, uid, gid } = await fs.stat(from);
  if (!basename(from).startsWith(".incoming-") || kind !== "directory") {
    return await fs.rename(from, to);
  }
  await fs.mkdir(to, 0o700);
  await fs.setOwner(to, { uid, gid });
  await fs.setMode(to, mode);
  for (const { name } of await fs.readdir(from)) {
    await fs.rename(join(from, name), join(to, name));
  }
  await fs.rmdir(from);
}

/** Remembers a start time that is not the process's, so that it is a stranger to whoever looks for it. */
async function withWrongIdentity(fs: FsOps, path: string, mode: number): ReturnType<FsOps["createFile"]> {
  const file = await fs.createFile(path, mode);
  return {
    write: (bytes) =>
      file.write(
        Buffer.from(
          Buffer.from(bytes)
            .toString("utf8")
            .replace(/("startTicks": ?"?)/, "$11"),
        ),
      ),
    setMode: (value) => file.setMode(value),
    sync: () => file.sync(),
    close: () => file.close(),
  };
}
