import { once } from "node:events";
import { createServer } from "node:net";
import { NodeError } from "@nodemanager/core";
import { type Address, formatAddress, isLoopback, type TcpAddress } from "./address.ts";
import { type ServerTlsFiles, serverCredentials } from "./tls.ts";
import { clearStaleSocket } from "./unix-socket.ts";

/**
 * Says what `serve` would fail with, and serves nothing: for who has something to do first that should not be done in
 * vain. Somebody may take an address in between.
 *
 * @throws NodeError as `serve`
 */
export async function checkServable(o: {
  readonly listen: readonly Address[];
  readonly tls?: ServerTlsFiles | undefined;
  readonly requireTlsOnTcp?: boolean;
}): Promise<void> {
  checkListen(o.listen, { hasTls: o.tls !== undefined, requireTlsOnTcp: o.requireTlsOnTcp ?? true });
  if (o.tls) {
    serverCredentials(o.tls);
  }
  for (const address of o.listen) {
    await (address.kind === "unix" ? clearStaleSocket(address.path) : checkPort(address));
  }
}

/** @throws NodeError `INVALID_CONFIG` */
export function checkListen(listen: readonly Address[], o: { hasTls: boolean; requireTlsOnTcp: boolean }): void {
  if (listen.length === 0) {
    throw new NodeError("INVALID_CONFIG", "there is no address to listen on");
  }
  for (const address of listen) {
    if (address.kind === "tcp" && !o.hasTls && (o.requireTlsOnTcp || !isLoopback(address.host))) {
      throw new NodeError(
        "INVALID_CONFIG",
        `${formatAddress(address)} is a network address: it needs a certificate, its private key and a client CA`,
      );
    }
  }
}

/** What the caller is told when an address cannot be bound. */
export function cannotListen(address: Address, error: unknown): NodeError {
  // grpc-js keeps only the text of what the system said.
  const why = /\b(EADDRINUSE|EACCES|EADDRNOTAVAIL|ENOTFOUND)\b/.exec(String(error))?.[1];
  const reason = why === "EADDRINUSE" ? "ADDRESS_IN_USE" : "INVALID_CONFIG";
  return new NodeError(reason, `cannot listen on ${formatAddress(address)}${why ? `: ${why}` : ""}`, { cause: error });
}

async function checkPort(address: TcpAddress): Promise<void> {
  const server = createServer().listen({ host: address.host, port: address.port });
  try {
    await once(server, "listening");
  } catch (error) {
    throw cannotListen(address, error);
  } finally {
    server.close();
  }
}
