import { NodeError } from "@nodemanager/core";
import { type ClientTlsFiles, connect } from "@nodemanager/transport/client";
import { directoryRepository } from "./directory/directory-repository.ts";
import { ANSWER_TIMEOUT_MS } from "./grpc/answer-in-time.ts";
import { GrpcApplications } from "./grpc/grpc-applications.ts";
import { GrpcBinaries } from "./grpc/grpc-binaries.ts";
import type { Repository } from "./repository.ts";
import { formatRepositoryAddress, type RepositoryAddress } from "./repository-address.ts";

export interface OpenRepositoryOptions {
  /** For `grpcs:`: PEM files. */
  readonly tls?: ClientTlsFiles | undefined;
  /** How long a server may take to answer a question, in milliseconds; 30 s unless given. Transfers take what they take. */
  readonly timeoutMs?: number | undefined;
}

/**
 * A client of the repository. Nothing is read, made or connected before the first operation. Disposing it breaks off what
 * is under way.
 *
 * @throws NodeError `INVALID_CONFIG` when `grpcs:` lacks its TLS files or they cannot be read
 */
export async function openRepository(
  address: RepositoryAddress,
  options: OpenRepositoryOptions = {},
): Promise<Repository> {
  if (address.kind === "file") {
    return directoryRepository(address.dir);
  }
  const text = formatRepositoryAddress(address);
  if (address.kind === "grpcs" && !options.tls) {
    throw new NodeError("INVALID_CONFIG", `${text} needs the CA that has signed the repository's certificate`);
  }
  const connection = connect(
    { kind: "tcp", host: address.host, port: address.port },
    {
      tls: address.kind === "grpcs" ? options.tls : undefined,
      unavailable: "REPOSITORY_UNAVAILABLE",
      // A few chunks: downloads take half as long, and over a long line a small part of it.
      receiveWindowBytes: 1024 * 1024,
    },
  );
  const { timeoutMs = ANSWER_TIMEOUT_MS } = options;
  return {
    address: text,
    applications: new GrpcApplications(connection, { address: text, timeoutMs }),
    binaries: new GrpcBinaries(connection, { timeoutMs }),
    async [Symbol.asyncDispose]() {
      connection.close();
    },
  };
}
