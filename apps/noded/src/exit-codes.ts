import { NodeError, type Reason } from "@nodemanager/core";
import { FROM_ARGUMENTS } from "./load-settings.ts";

/** What noded's exit status says to whoever starts it, after sysexits(3) where that has a word for it. */
export const EXIT = {
  done: 0,
  failed: 1,
  /** Wrong arguments. */
  usage: 64,
  /** The root has a format that only a newer noded knows; starting again does not help. */
  formatTooNew: 65,
  /** A bug. */
  internal: 70,
  /** Somebody else manages the root, or the disk is full or read-only: starting again later may help. */
  tryLater: 75,
  /** A setting is wrong. */
  config: 78,
  /** It has moved to another version of itself: start the link again. The same in every version. */
  restart: 100,
} as const;

const BY_REASON: Partial<Record<Reason, number>> = {
  FORMAT_TOO_NEW: EXIT.formatTooNew,
  INTERNAL: EXIT.internal,
  ROOT_LOCKED: EXIT.tryLater,
  ADDRESS_IN_USE: EXIT.tryLater,
  DISK_FULL: EXIT.tryLater,
  READ_ONLY: EXIT.tryLater,
  ROOT_NOT_WRITABLE: EXIT.tryLater,
  OUT_OF_DESCRIPTORS: EXIT.tryLater,
  ROOT_NOT_OURS: EXIT.config,
  INVALID_CONFIG: EXIT.config,
  INVALID_ADDRESS: EXIT.config,
  INVALID_ORIGIN: EXIT.config,
  SOCKET_PATH_TOO_LONG: EXIT.config,
};

/** The exit status for what ended the program. */
export function exitCodeFor(error: unknown): number {
  if (!(error instanceof NodeError)) {
    return EXIT.internal;
  }
  return error.metadata.source === FROM_ARGUMENTS.source ? EXIT.usage : (BY_REASON[error.reason] ?? EXIT.failed);
}
