import { type Clock, type Logger, NodeError } from "@nodemanager/core";
import type { Repository } from "./repository.ts";
import type { RepositoryAddress } from "./repository-address.ts";

export interface OpenRepositoryOptions {
  /** For `grpcs:`: PEM files. */
  readonly tls?:
    | { readonly caFile: string; readonly certFile?: string | undefined; readonly keyFile?: string | undefined }
    | undefined;
  readonly logger?: Logger | undefined;
  readonly clock?: Clock | undefined;
}

/**
 * A client of the repository. Nothing is read, made or connected before the first operation.
 *
 * @throws NodeError `INVALID_ARGUMENT` when `grpcs:` lacks its certificate authority
 */
export async function openRepository(
  address: RepositoryAddress,
  _options: OpenRepositoryOptions = {},
): Promise<Repository> {
  throw new NodeError("NOT_IMPLEMENTED", `repositories of kind ${address.kind} are not implemented yet`);
}
