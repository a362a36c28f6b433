/**
 * How a process ended. `unseen`: while nobody who could be told was watching, as after a restart of the manager.
 */
export type ExitStatus =
  | { readonly kind: "code"; readonly code: number }
  | { readonly kind: "signal"; readonly signal: string }
  | { readonly kind: "unseen" };

/** For people: `exited with status 1`, `killed by SIGKILL`. */
export function describeExit(exit: ExitStatus): string {
  switch (exit.kind) {
    case "code":
      return `exited with status ${exit.code}`;
    case "signal":
      return `was killed by ${exit.signal}`;
    case "unseen":
      return "ended while no manager watched it";
  }
}
