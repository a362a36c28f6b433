import { type Clock, type Logger, NodeError } from "@nodemanager/core";
import type { Address } from "@nodemanager/transport";

export interface ServeRepositoryOptions {
  /** The same format as `file:` repositories; made when it is missing or empty. */
  readonly dir: string;
  /** Port 0 takes a free one. Hosts other than loopback need `tls`. */
  readonly listen: Address;
  /** PEM files; clients must have a certificate of `clientCaFile`. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string; readonly clientCaFile: string } | undefined;
  readonly logger?: Logger | undefined;
  readonly clock?: Clock | undefined;
}

export interface RunningRepository extends AsyncDisposable {
  /** For origins, with the real port: `grpc:127.0.0.1:4711`. */
  readonly address: string;
  /** Ends calls in progress after the grace time. Disposing closes without grace. */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

/**
 * Serves a directory repository over gRPC.
 *
 * @throws NodeError `INVALID_ADDRESS`, `ADDRESS_IN_USE`, `REPOSITORY_CORRUPT`, `FORMAT_TOO_NEW`
 */
export async function serveRepository(_options: ServeRepositoryOptions): Promise<RunningRepository> {
  throw new NodeError("NOT_IMPLEMENTED", "not yet");
}
