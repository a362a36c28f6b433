/**
 * What each package may import of the others: `core` is every entry of it, `exec/child` that entry alone, `type manager`
 * its types alone. Nothing else is allowed, so there are no cycles, and what a package can break is known.
 */
export const DIRECTIONS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  proto: [],
  profile: ["core"],
  archive: ["core"],
  layout: ["core", "archive"],
  exec: ["core"],
  transport: ["core", "proto"],
  repository: ["archive", "core", "proto", "transport"],
  manager: ["core", "profile", "layout", "exec", "repository"],
  rpc: ["core", "proto", "transport", "type manager"],
  app: ["core", "exec/child", "proto", "rpc", "transport"],
  noded: ["core", "proto", "profile", "layout", "exec", "transport", "repository", "manager", "rpc"],
  nmctl: ["core", "profile", "proto", "repository", "rpc/client", "transport"],
  testing: ["core"],
};

/** Entries that may import less than their package, together with everything of it that they reach. */
export const ENTRY_DIRECTIONS: Readonly<Record<string, readonly string[]>> = {
  // An application takes it into its own process: it brings nothing along.
  "exec/child": [],
  // A workstation needs nothing of what a device needs.
  "rpc/client": ["core", "proto", "transport"],
};

/** For tests alone. */
export const TEST_PACKAGE = "testing";

/** Whose files run in a process that is theirs to read and end: programs, tests, and what runs inside an application. */
export const OWNERS_OF_PROCESS: readonly string[] = ["noded", "nmctl", "testing", "app", "exec/child"];

/** Who sends signals. */
export const OWNERS_OF_SIGNALS: readonly string[] = ["exec", "testing"];
