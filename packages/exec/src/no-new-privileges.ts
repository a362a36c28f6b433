import { accessSync, constants, readFileSync } from "node:fs";

/** Where setpriv(1) of util-linux is. */
const SETPRIV: readonly string[] = ["/usr/bin/setpriv", "/bin/setpriv"];

/**
 * How it is seen to that a child can gain no privileges by what it executes: by having it from us, by setpriv(1) in front
 * of its program, or not at all.
 */
export type NoNewPrivileges =
  | { readonly kind: "inherited" }
  | { readonly kind: "setpriv"; readonly prefix: readonly string[] }
  | { readonly kind: "unavailable" };

let found: NoNewPrivileges | undefined;

/** Found out once: neither a process's own flag nor what is installed changes while it runs. */
export function noNewPrivileges(): NoNewPrivileges {
  found ??= find();
  return found;
}

function find(): NoNewPrivileges {
  if (/^NoNewPrivs:\s*1$/m.test(readFileSync("/proc/self/status", "utf8"))) {
    return { kind: "inherited" };
  }
  const setpriv = SETPRIV.find(isExecutable);
  return setpriv === undefined
    ? { kind: "unavailable" }
    : { kind: "setpriv", prefix: [setpriv, "--no-new-privs", "--"] };
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
