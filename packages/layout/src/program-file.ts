import { isErrno, NodeError } from "@nodemanager/core";
import type { LayoutContext } from "./context.ts";
import type { FileStat } from "./fs-ops.ts";

const HEAD_BYTES = 4096;
const OWNER_EXECUTES = 0o100;

/**
 * Checks that a package has its program.
 *
 * @param command - its name, for the message
 * @throws NodeError `INVALID_PACKAGE`
 */
export async function requireProgram(context: LayoutContext, file: string, command: string): Promise<void> {
  let stat: FileStat;
  try {
    stat = await context.fs.stat(file);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) {
      throw noProgram(command, "there is no such file in the package", error);
    }
    throw error;
  }
  if (stat.kind !== "file") {
    throw noProgram(command, "it is not a file");
  }
  if ((stat.mode & OWNER_EXECUTES) === 0) {
    throw noProgram(command, "the package does not say that it is executable");
  }
}

/** The first 4 KiB of a file, or as much as there is. */
export async function readHead(context: LayoutContext, file: string): Promise<Uint8Array> {
  for await (const chunk of context.fs.readChunks(file)) {
    return chunk.subarray(0, HEAD_BYTES);
  }
  return new Uint8Array();
}

function noProgram(command: string, why: string, cause?: unknown): NodeError {
  return new NodeError("INVALID_PACKAGE", `the program ${JSON.stringify(command)}: ${why}`, {
    metadata: { entry: JSON.stringify(command) },
    cause,
  });
}
