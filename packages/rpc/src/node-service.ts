import { NodeError } from "@nodemanager/core";
import type { NodeManagerApi, Specification } from "@nodemanager/manager";
import type { NodeServiceImplementation, Specification as SpecificationMessage } from "@nodemanager/proto/v1";
import { eventResponses } from "./object-event.ts";
import { endOptions } from "./request.ts";

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
      const { residentBytes, recovery, ...status } = await manager.managerStatus();
      return { ...status, recovery: [...recovery], residentBytes: BigInt(residentBytes) };
    },

    update: () => notImplemented("the manager's own update"),
    revert: () => notImplemented("the manager's own revert"),

    shutdown: (request, caller) => eventResponses(manager.shutdown(endOptions(request, caller))),
  };
}

/** What never answers success, because it is not there. */
// biome-ignore lint/correctness/useYield: a stream that ends with its error before anything else
async function* notImplemented(what: string): AsyncGenerator<never, void> {
  throw new NodeError("NOT_IMPLEMENTED", `${what} is not implemented yet`);
}

function specificationMessage({ format, os, arch, libc, libraries }: Specification): SpecificationMessage {
  return { format, os, arch, libc: libc && { ...libc }, libraries: libraries.map((library) => ({ ...library })) };
}

function specificationFromMessage({ format, os, arch, libc, libraries }: SpecificationMessage): Specification {
  return { format, os, arch, ...(libc && { libc }), libraries };
}
