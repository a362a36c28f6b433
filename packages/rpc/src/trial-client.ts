import type { TrialClient } from "@nodemanager/manager";
import { HealthCheckResponse_ServingStatus as ServingStatus } from "@nodemanager/proto";
import { parseAddress } from "@nodemanager/transport";
import { connectNode } from "./connect-node.ts";

/** Asks a manager that is on trial, over its unix socket. */
export const trialClient: TrialClient = {
  connect(address) {
    const client = connectNode(parseAddress(address));
    return {
      async isServing(signal) {
        return (await client.health.check({}, { signal })).status === ServingStatus.SERVING;
      },
      async status(signal) {
        const { version, root } = await client.node.status({}, { signal });
        return { version, root };
      },
      async revert(signal) {
        for await (const _ of client.node.revert({}, { signal })) {
          // Its progress is nobody's concern; its failure is thrown.
        }
      },
      [Symbol.dispose]: () => client.close(),
    };
  },
};
