import { closeSync, readdirSync, readFileSync } from "node:fs";
import { isErrno } from "@nodemanager/core";

const O_CLOEXEC = 0o2000000;

/**
 * Closes every descriptor above 2 that a child would inherit, but for those that are kept, and gives their numbers. A
 * daemon calls it first of all: what its own parent left open would otherwise be held by every application. What Node
 * itself opens is not inherited and stays.
 *
 * A descriptor that is kept is inherited by children that are started while it is open.
 */
export function closeInheritedDescriptors(options: { readonly keep?: ReadonlySet<number> } = {}): readonly number[] {
  // With NODE_EXTRA_CA_CERTS Node reads that file in a thread while the program begins, from a descriptor that looks
  // inherited. To close it would break that, and close somebody else's when the thread does. This waits for the thread.
  process.getBuiltinModule("node:tls").getCACertificates("extra");
  const closed: number[] = [];
  for (const name of readdirSync("/proc/self/fd")) {
    const fd = Number(name);
    if (fd > 2 && !options.keep?.has(fd) && isInheritable(fd)) {
      closeSync(fd);
      closed.push(fd);
    }
  }
  return closed;
}

function isInheritable(fd: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "latin1"));
    return flags?.[1] !== undefined && (Number.parseInt(flags[1], 8) & O_CLOEXEC) === 0;
  } catch (error) {
    // The one that the directory was read with is closed again.
    if (isErrno(error, "ENOENT")) {
      return false;
    }
    throw error;
  }
}
