import { fromErrno, isErrno, NodeError } from "@nodemanager/core";

/**
 * What a failed system call in a repository's directory means to its user: the disk is not the node's, so a lack of
 * permission is not that of the node's root.
 */
export function repositoryError(error: unknown, what: string): NodeError {
  if (isErrno(error, "EACCES", "EPERM")) {
    return new NodeError("PERMISSION_DENIED", `${what}: permission denied`, { cause: error });
  }
  if (isErrno(error, "EIO", "ESTALE", "ENOTCONN", "EHOSTDOWN", "ETIMEDOUT")) {
    return new NodeError("REPOSITORY_UNAVAILABLE", `${what}: the disk does not answer`, { cause: error });
  }
  if (isErrno(error, "ELOOP", "ENOTDIR", "EISDIR")) {
    return new NodeError("REPOSITORY_CORRUPT", `${what}: something else is in its place`, { cause: error });
  }
  return fromErrno(error, what);
}
