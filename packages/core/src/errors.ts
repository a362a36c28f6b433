/** The gRPC status that a reason travels under. Names as in google.rpc.Code. */
export type StatusName =
  | "CANCELLED"
  | "UNKNOWN"
  | "INVALID_ARGUMENT"
  | "DEADLINE_EXCEEDED"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "PERMISSION_DENIED"
  | "RESOURCE_EXHAUSTED"
  | "FAILED_PRECONDITION"
  | "ABORTED"
  | "UNIMPLEMENTED"
  | "INTERNAL"
  | "UNAVAILABLE"
  | "DATA_LOSS"
  | "UNAUTHENTICATED";

/** Whether the same call may succeed when it is made again: never, once something has changed, or just so. */
export type Retry = "no" | "later" | "yes";

/**
 * Every reason for which an operation can fail, and what follows from it. The reason is the stable contract; status,
 * retry advice and exit code derive from it and cannot drift.
 */
export const REASONS = {
  // What the caller said.
  INVALID_NAME: { status: "INVALID_ARGUMENT", retry: "no" },
  INVALID_TITLE: { status: "INVALID_ARGUMENT", retry: "no" },
  RESERVED_TITLE: { status: "INVALID_ARGUMENT", retry: "no" },
  INVALID_ORIGIN: { status: "INVALID_ARGUMENT", retry: "no" },
  INVALID_ADDRESS: { status: "INVALID_ARGUMENT", retry: "no" },
  INVALID_ARGUMENT: { status: "INVALID_ARGUMENT", retry: "no" },
  NOT_APPLICABLE: { status: "INVALID_ARGUMENT", retry: "no" },

  // What is there and what is not.
  APPLICATION_NOT_FOUND: { status: "NOT_FOUND", retry: "no" },
  INSTALLATION_NOT_FOUND: { status: "NOT_FOUND", retry: "no" },
  INSTANCE_NOT_FOUND: { status: "NOT_FOUND", retry: "no" },
  VERSION_NOT_FOUND: { status: "NOT_FOUND", retry: "no" },
  PROFILE_NOT_FOUND: { status: "NOT_FOUND", retry: "no" },
  ENVELOPE_NOT_FOUND: { status: "NOT_FOUND", retry: "no" },
  BINARY_NOT_FOUND: { status: "NOT_FOUND", retry: "no" },
  ALREADY_EXISTS: { status: "ALREADY_EXISTS", retry: "no" },
  UPDATE_NOT_AVAILABLE: { status: "NOT_FOUND", retry: "later" },
  NO_PREVIOUS_VERSION: { status: "NOT_FOUND", retry: "no" },

  // What state it is in.
  OPERATION_IN_PROGRESS: { status: "ABORTED", retry: "later" },
  INSTANCE_RUNNING: { status: "FAILED_PRECONDITION", retry: "no" },
  INSTANCE_NOT_RUNNING: { status: "FAILED_PRECONDITION", retry: "no" },
  INSTALLATION_UNINSTALLED: { status: "FAILED_PRECONDITION", retry: "no" },
  TITLE_MISMATCH: { status: "FAILED_PRECONDITION", retry: "no" },
  UPDATE_FAILED: { status: "FAILED_PRECONDITION", retry: "no" },
  TRIAL_FAILED: { status: "FAILED_PRECONDITION", retry: "no" },
  SELF_UPDATE_NOT_CONFIGURED: { status: "FAILED_PRECONDITION", retry: "no" },
  USER_NOT_AVAILABLE: { status: "FAILED_PRECONDITION", retry: "no" },
  ACCOUNTS_EXHAUSTED: { status: "RESOURCE_EXHAUSTED", retry: "later" },
  SHUTTING_DOWN: { status: "UNAVAILABLE", retry: "later" },

  // What an origin offers.
  INVALID_ENVELOPE: { status: "FAILED_PRECONDITION", retry: "no" },
  PROFILE_MISMATCH: { status: "FAILED_PRECONDITION", retry: "no" },
  BINARY_INCOMPATIBLE: { status: "FAILED_PRECONDITION", retry: "no" },
  INVALID_PACKAGE: { status: "FAILED_PRECONDITION", retry: "no" },
  REPOSITORY_UNAVAILABLE: { status: "UNAVAILABLE", retry: "yes" },
  REPOSITORY_CORRUPT: { status: "DATA_LOSS", retry: "no" },
  DIGEST_MISMATCH: { status: "DATA_LOSS", retry: "no" },
  SIZE_MISMATCH: { status: "DATA_LOSS", retry: "no" },
  TOO_LARGE: { status: "RESOURCE_EXHAUSTED", retry: "no" },

  // What a child does.
  SPAWN_FAILED: { status: "FAILED_PRECONDITION", retry: "no" },
  CHILD_EXITED: { status: "FAILED_PRECONDITION", retry: "no" },
  CHILD_REPORTED_FAILURE: { status: "FAILED_PRECONDITION", retry: "no" },
  CHILD_NOT_READY: { status: "DEADLINE_EXCEEDED", retry: "later" },
  CHILD_PROTOCOL_ERROR: { status: "FAILED_PRECONDITION", retry: "no" },
  CHILD_NOT_STOPPED: { status: "DEADLINE_EXCEEDED", retry: "later" },
  NOT_A_CHILD: { status: "FAILED_PRECONDITION", retry: "no" },
  UNKNOWN_CALLBACK: { status: "PERMISSION_DENIED", retry: "no" },

  // What the node's disk does.
  ROOT_NOT_OURS: { status: "FAILED_PRECONDITION", retry: "no" },
  ROOT_LOCKED: { status: "FAILED_PRECONDITION", retry: "later" },
  ROOT_NOT_WRITABLE: { status: "FAILED_PRECONDITION", retry: "later" },
  FORMAT_TOO_NEW: { status: "FAILED_PRECONDITION", retry: "no" },
  STORE_CORRUPT: { status: "DATA_LOSS", retry: "no" },
  DISK_FULL: { status: "RESOURCE_EXHAUSTED", retry: "later" },
  READ_ONLY: { status: "FAILED_PRECONDITION", retry: "later" },
  OUT_OF_DESCRIPTORS: { status: "RESOURCE_EXHAUSTED", retry: "later" },
  SOCKET_PATH_TOO_LONG: { status: "INVALID_ARGUMENT", retry: "no" },
  ADDRESS_IN_USE: { status: "FAILED_PRECONDITION", retry: "later" },
  INVALID_CONFIG: { status: "INVALID_ARGUMENT", retry: "no" },

  // What lies between caller and node.
  NODE_UNAVAILABLE: { status: "UNAVAILABLE", retry: "yes" },
  UNAUTHENTICATED: { status: "UNAUTHENTICATED", retry: "no" },
  PERMISSION_DENIED: { status: "PERMISSION_DENIED", retry: "no" },
  NOT_IMPLEMENTED: { status: "UNIMPLEMENTED", retry: "no" },
  CANCELLED: { status: "CANCELLED", retry: "no" },
  DEADLINE_EXCEEDED: { status: "DEADLINE_EXCEEDED", retry: "later" },
  INTERNAL: { status: "INTERNAL", retry: "no" },
} as const;

REASONS satisfies Readonly<Record<string, { readonly status: StatusName; readonly retry: Retry }>>;

/** Why something failed. UPPER_SNAKE_CASE, at most 63 characters, never renamed. */
export type Reason = keyof typeof REASONS;

/** Facts about a failure for programs: keys of at most 64 characters, no secrets. */
export type ErrorMetadata = Readonly<Record<string, string>>;

/**
 * The one error of the node manager.
 *
 * `message` is lower case and says what and which and, for people, what to do; it may be sent to a caller and holds no
 * secrets. `cause` is for logs and never leaves the process.
 */
export class NodeError extends Error {
  override readonly name = "NodeError";
  readonly reason: Reason;
  readonly metadata: ErrorMetadata;

  constructor(reason: Reason, message: string, options: { metadata?: ErrorMetadata; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.metadata = options.metadata ?? {};
  }
}

/** Whether the text is one of our reasons: what a newer peer sends may not be. */
export function isReason(text: string): text is Reason {
  return Object.hasOwn(REASONS, text);
}

/** Whether an operation failed for one of the given reasons. */
export function hasReason(error: unknown, ...reasons: readonly Reason[]): error is NodeError {
  return error instanceof NodeError && reasons.includes(error.reason);
}

/**
 * Whether a system call failed with one of the given codes, as in `isErrno(error, "ENOENT")`; without codes, whether one
 * failed at all.
 */
export function isErrno(error: unknown, ...codes: readonly string[]): error is NodeJS.ErrnoException {
  if (!(error instanceof Error && "code" in error && typeof error.code === "string")) {
    return false;
  }
  return codes.length === 0 ? "syscall" in error : codes.includes(error.code);
}

/**
 * What an operation on files tells its caller when a system call failed: a full or read-only disk, lost permission and
 * exhausted descriptors get their reasons, everything else is `INTERNAL`. A `NodeError` passes through.
 */
export function fromErrno(error: unknown, what: string): NodeError {
  if (error instanceof NodeError) {
    return error;
  }
  if (isErrno(error, "ENOSPC", "EDQUOT")) {
    return new NodeError("DISK_FULL", `${what}: no space left on the disk`, { cause: error });
  }
  if (isErrno(error, "EROFS")) {
    return new NodeError("READ_ONLY", `${what}: the file system is read-only`, { cause: error });
  }
  if (isErrno(error, "EACCES", "EPERM")) {
    return new NodeError("ROOT_NOT_WRITABLE", `${what}: permission denied`, { cause: error });
  }
  if (isErrno(error, "EMFILE", "ENFILE")) {
    return new NodeError("OUT_OF_DESCRIPTORS", `${what}: out of file descriptors`, { cause: error });
  }
  return new NodeError("INTERNAL", `${what}: failed`, { cause: error });
}
