import { NodeError } from "@nodemanager/core";
import type { ManagerUpdate, NodeManagerApi, Specification } from "@nodemanager/manager";
import {
  type NodeServiceImplementation,
  type Specification as SpecificationMessage,
  ManagerUpdate_State as UpdateState,
} from "@nodemanager/proto/v1";
import { eventResponses } from "./object-event.ts";
import { endOptions, operationOptions } from "./request.ts";

const UPDATE_STATES = {
  switched: UpdateState.SWITCHED,
  healthy: UpdateState.HEALTHY,
  "fell-back": UpdateState.FELL_BACK,
} as const satisfies Readonly<Record<ManagerUpdate["state"], UpdateState>>;

/** `NodeService` over a manager: decode, call, encode, nothing else. */
export function nodeService(manager: NodeManagerApi): NodeServiceImplementation {
  return {
    async describe() {
      const { profiles, specification, hostname, version, containment, isolation } = await manager.describe();
      return {
        profiles: [...profiles],
        specification: specificationMessage(specification),
        hostname,
        version,
        containment,
        isolation,
      };
    },

    async isRunnable({ profiles, specification }) {
      if (profiles.length === 0 && !specification) {
        throw new NodeError("INVALID_ARGUMENT", "name at least one profile, or give a specification");
      }
      return await manager.isRunnable({
        profiles,
        specification: specification && specificationFromMessage(specification),
      });
    },

    reset: (request, caller) => eventResponses(manager.reset(endOptions(request, caller))),

    async status() {
      const { residentBytes, recovery, lastUpdate, ...status } = await manager.managerStatus();
      return {
        ...status,
        recovery: [...recovery],
        residentBytes: BigInt(residentBytes),
        lastUpdate: lastUpdate && { ...lastUpdate, state: UPDATE_STATES[lastUpdate.state] },
      };
    },

    update: (request, caller) => eventResponses(manager.updateManager(operationOptions(request, caller))),
    revert: (request, caller) => eventResponses(manager.revertManager(operationOptions(request, caller))),

    shutdown: (request, caller) => eventResponses(manager.shutdown(endOptions(request, caller))),
  };
}

function specificationMessage({ format, os, arch, libc, libraries }: Specification): SpecificationMessage {
  return { format, os, arch, libc: libc && { ...libc }, libraries: libraries.map((library) => ({ ...library })) };
}

function specificationFromMessage({ format, os, arch, libc, libraries }: SpecificationMessage): Specification {
  return { format, os, arch, ...(libc && { libc }), libraries };
}
