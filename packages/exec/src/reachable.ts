import { type Stats, statSync } from "node:fs";
import { dirname } from "node:path";
import { type Credentials, NodeError } from "@nodemanager/core";

const READ = 4;
const EXECUTE = 1;

/**
 * Checks that a process with other credentials than ours gets to its program and its working directory by their paths.
 * To root everything is open, so nothing that we try tells. Only permission bits count, no access control lists, and the
 * process has no group but that of its credentials.
 *
 * @throws NodeError `SPAWN_FAILED` with the metadata `path`
 */
export function requireReachable(credentials: Credentials, o: { readonly file: string; readonly cwd: string }): void {
  for (const dir of new Set([...above(o.file), ...above(o.cwd), o.cwd])) {
    if (!allows(statSync(dir), credentials, EXECUTE)) {
      throw denied(
        credentials,
        dir,
        "pass through the directory",
        "open it with chmod o+x, or have the root elsewhere",
      );
    }
  }
  // What runs a script opens it by its path.
  if (!allows(statSync(o.file), credentials, READ | EXECUTE)) {
    throw denied(credentials, o.file, "run", "it has to be readable and executable");
  }
}

function denied({ uid, gid }: Credentials, path: string, what: string, advice: string): NodeError {
  return new NodeError("SPAWN_FAILED", `user ${uid} with group ${gid} may not ${what} ${path}: ${advice}`, {
    metadata: { path },
  });
}

/** The directories on the way to a path, from the top down. */
function above(path: string): string[] {
  const dir = dirname(path);
  return dir === path ? [] : [...above(dir), dir];
}

function allows(stat: Stats, { uid, gid }: Credentials, wanted: number): boolean {
  const shift = stat.uid === uid ? 6 : stat.gid === gid ? 3 : 0;
  return ((stat.mode >> shift) & wanted) === wanted;
}
