import { HealthDefinition } from "@nodemanager/proto";
import { ApplicationServiceDefinition, NodeServiceDefinition } from "@nodemanager/proto/v1";
import type { Address } from "@nodemanager/transport";
import { type ClientTlsFiles, connect, type TimeoutOptions } from "@nodemanager/transport/client";
import type { Client } from "nice-grpc";

export interface ConnectNodeOptions {
  /** Needed for a network address, refused by none. */
  readonly tls?: ClientTlsFiles | undefined;
}

/**
 * The services of one node. Every failure is a `NodeError`; every method takes `signal` and `timeoutMs`; leaving a
 * `for await` cancels the call.
 */
export interface NodeClient extends Disposable {
  readonly node: Client<NodeServiceDefinition, TimeoutOptions>;
  readonly applications: Client<ApplicationServiceDefinition, TimeoutOptions>;
  readonly health: Client<HealthDefinition, TimeoutOptions>;
  /** Breaks off what is under way. */
  close(): void;
}

/**
 * Makes a client of one node; the connection is established with the first call.
 *
 * @throws NodeError `INVALID_CONFIG` for unreadable TLS files, `SOCKET_PATH_TOO_LONG`. Calls fail with
 * `NODE_UNAVAILABLE` when nobody answers, `UNAUTHENTICATED` when one side does not accept the other's certificate
 */
export function connectNode(address: Address, options: ConnectNodeOptions = {}): NodeClient {
  const connection = connect(address, options);
  return {
    node: connection.client(NodeServiceDefinition),
    applications: connection.client(ApplicationServiceDefinition),
    health: connection.client(HealthDefinition),
    close: () => connection.close(),
    [Symbol.dispose]: () => connection.close(),
  };
}
