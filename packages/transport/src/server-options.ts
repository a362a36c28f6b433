import type { ChannelOptions } from "@grpc/grpc-js";
import type { Address } from "./address.ts";
import { noteCallerIdentity } from "./caller-identity.ts";
import { receiveDeadline } from "./receive-deadline.ts";

const KIB = 1024;
const RECEIVE_DEADLINE_MS = 5000;

/**
 * The settings of grpc-js that we serve with. Its own defaults let one connection make the server hold more than 1 GB:
 * 100 calls, 4 MiB each, at about 200 bytes of memory for a byte that arrives alone. What bounds it is calls times size.
 */
export function serverOptions(address: Address, o: { readonly maxMessageBytes?: number }): ChannelOptions {
  return {
    // Over the network 32; the socket's owner may have a hundred starts under way at once.
    "grpc.max_concurrent_streams": address.kind === "unix" ? 256 : 32,
    "grpc.max_receive_message_length": o.maxMessageBytes ?? 64 * KIB,
    "grpc.max_send_message_length": 4 * KIB * KIB,
    "grpc-node.max_session_memory": 10,
    // Finds peers that went away without a word, and ends connections that nobody used for a while.
    "grpc.keepalive_time_ms": 60_000,
    "grpc.keepalive_timeout_ms": 20_000,
    ...(address.kind === "tcp" && {
      "grpc.max_connection_idle_ms": 300_000,
    }),
    interceptors: [noteCallerIdentity, ...(address.kind === "tcp" ? [receiveDeadline(RECEIVE_DEADLINE_MS)] : [])],
    // "grpc.enable_channelz" stays on: without it grpc-js 1.14 knows no sessions, and forceShutdown() ends none.
  };
}
