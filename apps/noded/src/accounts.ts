import {
  type AccountRange,
  formatAccountRange,
  isInRange,
  type Logger,
  NodeError,
  parseAccountRange,
} from "@nodemanager/core";
import { noNewPrivileges, whyNoAccounts } from "@nodemanager/exec";
import type { Accounts } from "@nodemanager/manager";
import { NO_ACCOUNTS, type Settings } from "./settings.ts";
import { findUser, systemUsers } from "./system-users.ts";

/**
 * Which accounts installations get unless a range is given. systemd's list of numbers has nothing from 0x70000000 on, and
 * neither subordinate users nor containers are usually given any of these.
 */
const DEFAULT_RANGE: AccountRange = { first: 0x7000_0000, last: 0x7000_ffff };

/**
 * Under whom this manager can run applications.
 *
 * @throws NodeError `INVALID_CONFIG` when a range is asked for that it cannot use
 */
export function accountsFor(settings: Pick<Settings, "accountRange">, uid: number, logger: Logger): Accounts {
  const lookUp = (user: string) => findUser(systemUsers(), user);
  if (settings.accountRange === NO_ACCOUNTS) {
    return { uid, pool: { kind: "none", why: `the manager runs with --account-range ${NO_ACCOUNTS}` }, lookUp };
  }
  const asked = settings.accountRange === undefined ? undefined : parseAccountRange(settings.accountRange);
  const range = asked ?? DEFAULT_RANGE;
  const why = uid === 0 ? (whyNoAccounts(range) ?? whyTaken(range)) : "the manager does not run as root";
  if (why !== undefined && asked) {
    throw new NodeError("INVALID_CONFIG", `--account-range ${formatAccountRange(asked)} cannot be used: ${why}`);
  }
  if (why === undefined && noNewPrivileges().kind === "unavailable") {
    logger.warn("applications may gain privileges by programs that have some: there is no setpriv(1)", {});
  }
  if (why !== undefined && uid === 0) {
    logger.warn("applications are not kept apart", { why });
  }
  return {
    uid,
    pool: why === undefined ? { kind: "range", range } : { kind: "none", why },
    lookUp,
  };
}

/** Somebody who has one of the numbers could read what the installation that gets it keeps. */
function whyTaken(range: AccountRange): string | undefined {
  const taken = systemUsers().find((user) => isInRange(range, user.uid) || isInRange(range, user.gid));
  return taken && `the user ${taken.name} of this node lies in it`;
}
