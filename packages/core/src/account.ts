/** A user and a group of the operating system, by their numbers. */
export interface Credentials {
  readonly uid: number;
  readonly gid: number;
}

/** Under whom the instances of an installation run, where that is not the manager's own user. */
export type Account =
  /** Allocated for one installation, and known to nothing else on the node. */
  | ({ readonly kind: "own" } & Credentials)
  /** One that the system has; it may run other things too. */
  | ({ readonly kind: "named"; readonly name: string } & Credentials);

/** What people call an account: its name, or its uid. */
export function describeAccount(account: Account): string {
  return account.kind === "named" ? account.name : String(account.uid);
}
