import { join } from "node:path";
import { connectNode, type NodeClient } from "@nodemanager/rpc/client";
import { serveNode } from "@nodemanager/rpc/server";
import { CertificateAuthority, tempDir } from "@nodemanager/testing";
import type { Address } from "@nodemanager/transport";
import type { ClientTlsFiles } from "@nodemanager/transport/client";
import type { ServerTlsFiles } from "@nodemanager/transport/server";
import { MemoryManager } from "./memory-manager.ts";

export type Network = "unix" | "mutual TLS";

/** A served manager and a client of it. */
export interface TestNode extends AsyncDisposable {
  readonly manager: MemoryManager;
  readonly client: NodeClient;
  readonly address: Address;
  /** What a client needs, over TLS. */
  readonly tls: ClientTlsFiles | undefined;
  /** Another client, with what it needs or something else. */
  connect(tls?: ClientTlsFiles): NodeClient;
}

export async function testNode(network: Network = "unix"): Promise<TestNode> {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await tempDir()).path;
  const manager = new MemoryManager();
  const { listen, tls, clientTls } = await endpoint(network, dir);
  const server = stack.use(await serveNode({ manager, listen: [listen], tls }));
  const address = server.addresses[0] ?? listen;
  const client = stack.use(connectNode(address, { tls: clientTls }));
  const owned = stack.move();
  return {
    manager,
    client,
    address,
    tls: clientTls,
    connect: (other) => owned.use(connectNode(address, { tls: other ?? clientTls })),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function endpoint(
  network: Network,
  dir: string,
): Promise<{ listen: Address; tls?: ServerTlsFiles; clientTls?: ClientTlsFiles }> {
  if (network === "unix") {
    return { listen: { kind: "unix", path: join(dir, "socket") } };
  }
  const authority = await CertificateAuthority.create(dir);
  const node = await authority.issue({ name: "node", hosts: ["127.0.0.1"] });
  return {
    listen: { kind: "tcp", host: "127.0.0.1", port: 0 },
    tls: { ...node, clientCaFile: authority.caFile },
    clientTls: { caFile: authority.caFile, ...(await authority.issue({ name: "operator" })) },
  };
}
