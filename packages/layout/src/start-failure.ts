import { randomBytes } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { silentLogger, systemClock } from "@nodemanager/core";
import { LayoutContext } from "./context.ts";
import { encodeDocument } from "./document.ts";
import { nodeFs } from "./node-fs.ts";
import { isVersionDirName, NODE_MANAGER } from "./paths.ts";
import { type StartFailure, WORKSPACE } from "./workspace-reader.ts";
import { writeAtomic } from "./write-atomic.ts";

/**
 * Notes why a manager could not start, in the workspace that it was started from; nothing happens if it was not. For the
 * version before it, should that run again: whoever cannot start has no root to speak of.
 *
 * @param programFile - what runs
 * @throws the errno
 */
export async function noteStartFailure(programFile: string, failure: Omit<StartFailure, "at">): Promise<void> {
  const dir = dirname(programFile);
  if (basename(dirname(dir)) !== NODE_MANAGER || !isVersionDirName(basename(dir))) {
    return;
  }
  const context = new LayoutContext({ fs: nodeFs, clock: systemClock, logger: silentLogger, random: randomBytes });
  await writeAtomic(context, join(dir, WORKSPACE.failure), encodeDocument({ at: context.clock.now(), ...failure }));
}
