import { NodeError } from "@nodemanager/core";

/** How much of a name is told; it is the publisher's, and may be long. */
const TOLD_CHARACTERS = 200;

/**
 * That a package cannot be taken.
 *
 * @param what - which package
 * @param why - what is wrong with it, or with the entry
 * @param entry - the name of the entry as the archive has it
 */
export function invalidPackage(what: string, why: string, entry?: string, cause?: unknown): NodeError {
  if (entry === undefined) {
    return new NodeError("INVALID_PACKAGE", `${what}: ${why}`, { cause });
  }
  // JSON escapes what a terminal would obey; the error's metadata travel as text, too.
  const told = JSON.stringify(entry.length > TOLD_CHARACTERS ? `${entry.slice(0, TOLD_CHARACTERS)}…` : entry);
  return new NodeError("INVALID_PACKAGE", `${what}: ${told} ${why}`, { metadata: { entry: told }, cause });
}
