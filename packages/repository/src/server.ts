import { type Clock, type Logger, silentLogger, systemClock } from "@nodemanager/core";
import { ApplicationRepositoryServiceDefinition } from "@nodemanager/proto/v1";
import { type Address, formatAddress } from "@nodemanager/transport";
import { type ServerTlsFiles, serve } from "@nodemanager/transport/server";
import { DirectoryApplications } from "./directory/directory-applications.ts";
import { DirectoryBinaries } from "./directory/directory-binaries.ts";
import { RepositoryDir } from "./directory/repository-dir.ts";
import { binaryServiceDefinition } from "./grpc/binary-service-definition.ts";
import { MESSAGE_MAX_BYTES } from "./grpc/message-chunks.ts";
import { ApplicationService } from "./server/application-service.ts";
import { BinaryService } from "./server/binary-service.ts";
import { defaultTuning, type TransferTuning } from "./transfer.ts";

export interface ServeRepositoryOptions {
  /** The same format as `file:` repositories; made when it is missing or empty. */
  readonly dir: string;
  /** Port 0 takes a free one. Hosts other than loopback need `tls`. */
  readonly listen: Address;
  /** PEM files; clients must have a certificate that `clientCaFile` has signed. */
  readonly tls?: ServerTlsFiles | undefined;
  readonly logger?: Logger | undefined;
  readonly clock?: Clock | undefined;
  /** When an upload counts as stalled. */
  readonly tuning?: Partial<TransferTuning> | undefined;
}

export interface RunningRepository extends AsyncDisposable {
  /** For origins, with the real port: `grpc:127.0.0.1:4711`. */
  readonly address: string;
  /** Takes no new calls and breaks off what is left after the grace time. Disposing closes without grace. */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

/**
 * Serves a directory repository over gRPC, with health and reflection.
 *
 * @throws NodeError `ADDRESS_IN_USE`, `INVALID_CONFIG` when TLS is missing or its files cannot be read
 * @throws NodeError `REPOSITORY_CORRUPT`, `FORMAT_TOO_NEW`, `PERMISSION_DENIED` when the directory is no repository
 */
export async function serveRepository(options: ServeRepositoryOptions): Promise<RunningRepository> {
  const { listen, tls, logger = silentLogger, clock = systemClock } = options;
  const dir = new RepositoryDir(options.dir);
  await dir.forWriting();
  const binaries = new DirectoryBinaries(dir);
  const running = await serve({
    listen: [listen],
    register(server) {
      server.add(
        ApplicationRepositoryServiceDefinition,
        new ApplicationService(new DirectoryApplications(dir, binaries)),
      );
      server.add(
        binaryServiceDefinition,
        new BinaryService(binaries, { clock, tuning: { ...defaultTuning, ...options.tuning } }),
      );
    },
    tls,
    requireTlsOnTcp: false,
    maxMessageBytes: MESSAGE_MAX_BYTES,
    logger,
  });
  const [address = listen] = running.addresses;
  return {
    address: `${tls ? "grpcs" : "grpc"}:${formatAddress(address)}`,
    close: (o) => running.close(o),
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}
