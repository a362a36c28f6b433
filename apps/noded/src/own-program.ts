import { realpathSync } from "node:fs";
import { isSea } from "node:sea";

/** What the manager's own environment says of this one process, or is set anew by whoever starts another. */
const NOT_HANDED_ON =
  /^(NODED_.*|NOTIFY_FD|NOTIFY_SOCKET|WATCHDOG_(PID|USEC)|LISTEN_(FDS|PID|FDNAMES)|INVOCATION_ID|MALLOC_.*|_)$/;
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * The one file that this program is: the executable, or the script that Node runs. Nothing when the program is several
 * files, as a build for development is: those cannot be replaced by one.
 */
export function ownProgram(): string | undefined {
  if (isSea()) {
    return process.execPath;
  }
  const [, script] = process.argv;
  const file = script === undefined ? undefined : realpathSync(script);
  // Only in the bundle is this module in the file that was started.
  return file === import.meta.filename ? file : undefined;
}

/** What init would start the next version with: the environment without what the start of this one process has added. */
export function initEnvironment(env: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const entries = Object.entries(env).filter(([key]) => IDENTIFIER.test(key) && !NOT_HANDED_ON.test(key));
  return Object.fromEntries(entries.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
}
