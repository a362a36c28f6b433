import type { Reason } from "@nodemanager/core";

/** What somebody at a terminal can do about a failure. */
const ADVICE: Readonly<Partial<Record<Reason, string>>> = {
  INVALID_NAME: "nmctl ls -o name lists the names there are; quote globs",
  APPLICATION_NOT_FOUND: "nmctl ls lists what there is",
  INSTALLATION_NOT_FOUND: "nmctl ls lists what there is",
  INSTANCE_NOT_FOUND: "nmctl ls lists what there is; a stopped instance cannot come back, nmctl start makes a new one",
  VERSION_NOT_FOUND: "nmctl repository ls REPOSITORY lists the versions there are",
  ENVELOPE_NOT_FOUND: "nmctl repository ls REPOSITORY lists the applications there are",
  PROFILE_MISMATCH: "publish it for a profile that nmctl describe lists, with nmctl publish --profile",
  OPERATION_IN_PROGRESS: "wait until the other operation has ended; nmctl watch shows it",
  INSTANCE_RUNNING: "nmctl suspend it first; update and revert take --restart",
  INSTANCE_NOT_RUNNING: "nmctl status shows why it does not run; nmctl resume runs it again",
  UPDATE_NOT_AVAILABLE: "nmctl diff with a version compares with that one; nmctl update-to moves to another origin",
  NO_PREVIOUS_VERSION: "nmctl update --version moves to any version that the origin has",
  TITLE_MISMATCH: "nmctl install makes another installation of it",
  UPDATE_FAILED: "nmctl logs shows what it wrote; publish a version that holds, or one with a longer --ready-timeout",
  CHILD_EXITED: "nmctl logs shows what it wrote",
  CHILD_NOT_READY: "nmctl logs shows what it wrote; nmctl publish --ready-timeout gives it longer",
  CHILD_REPORTED_FAILURE: "nmctl logs shows what it wrote",
  REPOSITORY_UNAVAILABLE: "check that the repository is up and that the node, not only this machine, reaches it",
  DISK_FULL: "make room on the node: nmctl tidy --dry-run says what it would free",
  STORE_CORRUPT: "nmctl debug on the object says more",
  NODE_UNAVAILABLE: "check that noded runs there, and --node, --context, NMCTL_NODE and nmctl context list",
  UNAUTHENTICATED: "show a certificate that the node knows: --tls-cert, --tls-key and --tls-ca",
  PERMISSION_DENIED: "use an account that may use the node's socket",
  NOT_IMPLEMENTED: "use a newer version of the node, once there is one",
  DEADLINE_EXCEEDED: "--timeout gives it longer",
};

/** The same of the manager itself, of which there is one, with one origin. */
const ADVICE_FOR_NM: typeof ADVICE = {
  ...ADVICE,
  OPERATION_IN_PROGRESS: "nmctl status nm shows what became of the other one",
  UPDATE_NOT_AVAILABLE: "nmctl status nm shows the origin; publish a newer version there",
  NO_PREVIOUS_VERSION: "nmctl update nm moves to what its origin offers",
  TITLE_MISMATCH: 'nmctl status nm shows the origin; a manager is published with --title "node manager"',
  UPDATE_FAILED: "the log of what starts the manager has what it wrote; nmctl status nm shows the update",
  STORE_CORRUPT: "the manager's own log says more",
};

/**
 * One line for people, if there is something to do.
 *
 * @param object - what failed, if it has a name: `nm` has advice of its own
 */
export function adviceFor(reason: Reason, object?: string): string | undefined {
  return (object === "nm" ? ADVICE_FOR_NM : ADVICE)[reason];
}
