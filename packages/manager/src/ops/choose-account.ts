import { type Account, isInRange, NodeError } from "@nodemanager/core";
import type { Context } from "../context.ts";
import type { InstallOptions } from "../operation.ts";

/** Under whom an installation is to run. Disposing it gives a number that was allocated for it back, unless it was kept. */
export interface ChosenAccount extends Disposable {
  /** Undefined for the manager's own user. */
  readonly account: Account | undefined;
  /** To be called when the installation is there. */
  keep(): void;
}

/**
 * Decides under whom a new installation runs: whom the caller names, the manager's own user if the caller says so, and
 * otherwise an account of its own, where there can be one.
 *
 * @throws NodeError `INVALID_ARGUMENT` for both at once, `USER_NOT_AVAILABLE`, `ACCOUNTS_EXHAUSTED`
 */
export async function chooseAccount(ctx: Context, o: InstallOptions): Promise<ChosenAccount> {
  const user = o.user ?? "";
  if (user !== "" && o.sameUser) {
    throw new NodeError("INVALID_ARGUMENT", "a user and the manager's own user cannot both be asked for", {
      metadata: { field: "user" },
    });
  }
  if (user !== "") {
    return settled(namedAccount(ctx, user));
  }
  const pool = ctx.accounts?.pool;
  if (o.sameUser || pool?.kind !== "range") {
    return settled(undefined);
  }
  const reserved = await ctx.root.installations.reserveAccount(pool.range);
  return {
    account: { kind: "own", uid: reserved.id, gid: reserved.id },
    keep: () => reserved.keep(),
    [Symbol.dispose]: () => reserved[Symbol.dispose](),
  };
}

function namedAccount({ accounts }: Context, user: string): Account | undefined {
  const found = accounts?.lookUp(user);
  if (!accounts || !found) {
    throw notAvailable(user, "there is no such user on this node");
  }
  if (found.uid === accounts.uid) {
    return undefined;
  }
  if (accounts.pool.kind === "none") {
    throw notAvailable(user, accounts.pool.why);
  }
  if (isInRange(accounts.pool.range, found.uid) || isInRange(accounts.pool.range, found.gid)) {
    throw notAvailable(user, "it lies in the range of which installations get accounts of their own");
  }
  return { kind: "named", ...found };
}

function notAvailable(user: string, why: string): NodeError {
  return new NodeError("USER_NOT_AVAILABLE", `applications cannot run as ${JSON.stringify(user)}: ${why}`, {
    metadata: { user },
  });
}

function settled(account: Account | undefined): ChosenAccount {
  return { account, keep() {}, [Symbol.dispose]() {} };
}
