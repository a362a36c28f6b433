import type { AppCycleServiceImplementation } from "@nodemanager/proto/v1";
import { AppCycleServiceDefinition, ConfigServiceDefinition } from "@nodemanager/proto/v1";
import { formatAddress, parseAddress } from "@nodemanager/transport";
import { connect } from "@nodemanager/transport/client";
import { type RunningServer, serve } from "@nodemanager/transport/server";
import type { StopTask } from "./stop-task.ts";

/** The key under which an application names its app cycle service. */
const APP_CYCLE_ADDRESS = "APP_CYCLE_ADDRESS";

// The manager waits for this call; if it takes that long, the manager is gone.
const ANNOUNCE_TIMEOUT_MS = 30_000;

/** Serves `AppCycleService` on a unix socket and nothing else. */
export async function serveAppCycle(o: {
  readonly socketPath: string;
  readonly task: StopTask;
  /** Somebody asked to stop; called each time. */
  readonly onStop: () => void;
  readonly forceStop: () => void;
}): Promise<RunningServer> {
  const service: AppCycleServiceImplementation = {
    async *stop(_request, { signal }) {
      o.onStop();
      for await (const task of o.task.watch(signal)) {
        yield { task };
      }
    },
    async forceStop() {
      o.forceStop();
      return {};
    },
  };
  return await serve({
    listen: [{ kind: "unix", path: o.socketPath }],
    register: (server) => server.add(AppCycleServiceDefinition, service),
    introspection: false,
  });
}

/**
 * Tells the manager where the application serves `AppCycleService`.
 *
 * @throws NodeError `NODE_UNAVAILABLE` when the manager is gone, and what `ConfigService.Set` fails with
 */
export async function announce(o: {
  readonly callbackAddress: string;
  readonly callbackId: string;
  readonly server: RunningServer;
}): Promise<void> {
  using connection = connect(parseAddress(o.callbackAddress));
  const value = o.server.addresses.map(formatAddress).join();
  const { callbackId } = o;
  await connection
    .client(ConfigServiceDefinition)
    .set({ callbackId, key: APP_CYCLE_ADDRESS, value }, { timeoutMs: ANNOUNCE_TIMEOUT_MS });
}
