import { lstat } from "node:fs/promises";
import { dirname } from "node:path";
import { isErrno, NodeError } from "@nodemanager/core";
import type { ManagerMove } from "@nodemanager/layout";
import type { Context } from "../context.ts";

/**
 * Makes a move: notes it, then switches the link, which is the one step that counts.
 *
 * @throws NodeError `DISK_FULL`, `READ_ONLY`, `ROOT_NOT_WRITABLE`; the link is as it was then
 */
export async function makeMove(ctx: Context, currentLink: string, move: ManagerMove): Promise<void> {
  const { manager } = ctx.root;
  await manager.noteMove(move);
  try {
    await manager.switchTo(currentLink, move.to);
  } catch (error) {
    // After a failed sync the link may be the new one all the same: then it is what init starts.
    if ((await manager.current(currentLink)) !== move.to) {
      await manager.forgetMove();
      throw error;
    }
    ctx.logger.warn("whether the link is durable is not known", { currentLink, error });
  }
}

/**
 * Checks that a link can be switched, before anything is done for it.
 *
 * @throws NodeError `SELF_UPDATE_NOT_CONFIGURED`
 */
export async function checkLink(currentLink: string): Promise<void> {
  try {
    if (!(await lstat(dirname(currentLink))).isDirectory()) {
      throw notConfigured(`${dirname(currentLink)}, where --current-link is to be, is no directory`);
    }
    if (!(await lstat(currentLink)).isSymbolicLink()) {
      throw notConfigured(
        `${currentLink} is not a symbolic link: name one with --current-link, and let init start that`,
      );
    }
  } catch (error) {
    if (!isErrno(error, "ENOENT")) {
      throw error;
    }
    await lstat(dirname(currentLink)).catch((cause: unknown) => {
      throw notConfigured(`the directory of --current-link ${currentLink} is not there`, cause);
    });
  }
}

/** What is missing for a move of the manager, and what to do. */
export function notConfigured(why: string, cause?: unknown): NodeError {
  return new NodeError("SELF_UPDATE_NOT_CONFIGURED", why, { cause });
}
