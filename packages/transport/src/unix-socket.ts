import { lstat, unlink } from "node:fs/promises";
import { createConnection } from "node:net";
import { dirname } from "node:path";
import { isErrno, NodeError } from "@nodemanager/core";

/**
 * Makes sure that a socket can be bound at the path: one that a killed process left behind is removed.
 *
 * @throws NodeError `ADDRESS_IN_USE` when somebody answers there, or when something that is no socket is in the way;
 * `INVALID_CONFIG` when the directory is missing
 */
export async function clearStaleSocket(path: string): Promise<void> {
  try {
    const found = await lstat(path);
    if (!found.isSocket()) {
      throw new NodeError("ADDRESS_IN_USE", `${path} is in the way: it is not a socket`, { metadata: { path } });
    }
  } catch (error) {
    if (isErrno(error, "ENOENT")) {
      await checkDirectory(dirname(path));
      return;
    }
    throw error;
  }
  if (await answers(path)) {
    throw new NodeError("ADDRESS_IN_USE", `another process serves at unix:${path}`, { metadata: { path } });
  }
  await unlink(path).catch((error: unknown) => {
    if (!isErrno(error, "ENOENT")) {
      throw error;
    }
  });
}

async function checkDirectory(dir: string): Promise<void> {
  try {
    await lstat(dir);
  } catch (error) {
    throw new NodeError("INVALID_CONFIG", `the directory of the socket, ${dir}, does not exist`, {
      metadata: { path: dir },
      cause: error,
    });
  }
}

/** Only a refused connection proves that nobody listens; a full backlog or a lack of permission does not. */
async function answers(path: string): Promise<boolean> {
  const socket = createConnection({ path });
  try {
    return await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", (error) => resolve(!isErrno(error, "ECONNREFUSED", "ENOENT")));
    });
  } finally {
    socket.destroy();
  }
}
