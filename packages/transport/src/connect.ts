import { ChannelCredentials } from "@grpc/grpc-js";
import type { Reason } from "@nodemanager/core";
import { type Client, type CompatServiceDefinition, createChannel, createClientFactory } from "nice-grpc";
import { type Address, checkSocketPath, formatAddress } from "./address.ts";
import { callErrors, type TimeoutOptions } from "./call-errors.ts";
import { type ClientTlsFiles, clientCredentials } from "./tls.ts";

export interface ConnectOptions {
  /** Speaks TLS 1.3; without it, in the clear. */
  readonly tls?: ClientTlsFiles | undefined;
  /**
   * What it means when nobody can be reached.
   *
   * @defaultValue `NODE_UNAVAILABLE`
   */
  readonly unavailable?: Reason;
  /**
   * The largest message that is accepted.
   *
   * @defaultValue 4 MiB
   */
  readonly maxMessageBytes?: number;
  /**
   * How many bytes may be on their way to us before we have taken them. HTTP/2's own 64 KiB let large streams wait for every
   * round trip; more is held in memory when we are slow.
   *
   * @defaultValue 64 KiB
   */
  readonly receiveWindowBytes?: number;
}

/** A way to the services of one peer. Disposing it breaks off what is under way. */
export interface Connection extends Disposable {
  /**
   * A client of one service. Every failure of its methods is a `NodeError`; each takes `signal` and `timeoutMs`; leaving
   * a `for await` over a stream cancels the call.
   */
  client<Service extends CompatServiceDefinition>(definition: Service): Client<Service, TimeoutOptions>;
  close(): void;
}

/**
 * Makes a connection, which is established with the first call; that fails if nobody answers, without waiting for
 * somebody to do.
 *
 * @throws NodeError `INVALID_CONFIG` for unreadable TLS files, `SOCKET_PATH_TOO_LONG`
 */
export function connect(address: Address, options: ConnectOptions = {}): Connection {
  const { tls, unavailable = "NODE_UNAVAILABLE", maxMessageBytes = 4 * 1024 * 1024, receiveWindowBytes } = options;
  const secured = tls && clientCredentials(tls, address.kind === "tcp" ? address.host : "localhost");
  const channel = createChannel(target(address), secured?.credentials ?? ChannelCredentials.createInsecure(), {
    ...secured?.options,
    "grpc.max_receive_message_length": maxMessageBytes,
    ...(receiveWindowBytes !== undefined && { "grpc-node.flow_control_window": receiveWindowBytes }),
    // Each connection has its own state: one that was refused holds up no other for its back-off.
    "grpc.use_local_subchannel_pool": 1,
    "grpc.keepalive_time_ms": 60_000,
    "grpc.keepalive_timeout_ms": 20_000,
    // Calls have effects; whoever wants one repeated says so, with a request id.
    "grpc.enable_retries": 0,
    "grpc.service_config_disable_resolution": 1,
    "grpc.enable_http_proxy": 0,
    "grpc.enable_channelz": 0,
    "grpc.min_reconnect_backoff_ms": 20_000,
  });
  const factory = createClientFactory().use(
    callErrors({ where: formatAddress(address), unavailable, isTls: tls !== undefined }),
  );
  return {
    client: (definition) => factory.create(definition, channel),
    close: () => channel.close(),
    [Symbol.dispose]: () => channel.close(),
  };
}

/** nice-grpc takes `unix:PATH` for a host and adds a port, and a scheme of its own for what has none. */
function target(address: Address): string {
  return address.kind === "unix" ? `unix://${checkSocketPath(address.path)}` : `dns:///${formatAddress(address)}`;
}
