import type { NodeManagerApi } from "@nodemanager/manager";
import { ApplicationServiceDefinition, NodeServiceDefinition } from "@nodemanager/proto/v1";
import { type RunningServer, type ServeOptions, type ServiceRegistrar, serve } from "@nodemanager/transport/server";
import { applicationService } from "./application-service.ts";
import { nodeService } from "./node-service.ts";

export interface ServeNodeOptions extends Pick<ServeOptions, "listen" | "tls" | "maxMessageBytes" | "logger"> {
  readonly manager: NodeManagerApi;
}

/**
 * Serves a node: `NodeService`, `ApplicationService`, health and reflection. A network address is served with mutual
 * TLS or not at all.
 *
 * @throws NodeError as `serve`
 */
export async function serveNode(options: ServeNodeOptions): Promise<RunningServer> {
  const { manager, ...rest } = options;
  return await serve({ ...rest, requireTlsOnTcp: true, register: (server) => registerNode(server, manager) });
}

/** Adds the services of a node to a server that serves others, too. */
export function registerNode(server: ServiceRegistrar, manager: NodeManagerApi): void {
  server.add(NodeServiceDefinition, nodeService(manager));
  server.add(ApplicationServiceDefinition, applicationService(manager));
}
