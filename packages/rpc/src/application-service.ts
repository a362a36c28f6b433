import { NodeError } from "@nodemanager/core";
import type { LogChunk, LogStream as LogStreamName, NodeManagerApi, WatchEvent } from "@nodemanager/manager";
import {
  type ApplicationServiceImplementation,
  WatchResponse_Kind as Kind,
  LogStream,
  type ReadLogsResponse,
  type WatchResponse,
} from "@nodemanager/proto/v1";
import { durationMs, packagesFromMessages } from "@nodemanager/transport";
import { eventResponses } from "./object-event.ts";
import { statusMessage } from "./object-status.ts";
import { endOptions, globOf, operationOptions, updateOptions } from "./request.ts";

/** `ApplicationService` over a manager: decode, call, encode, nothing else. */
export function applicationService(manager: NodeManagerApi): ApplicationServiceImplementation {
  return {
    install: (request, caller) => {
      const { origin, env, args, user, sameUser } = request;
      const packages = packagesFromMessages(request.packages);
      const options = { ...operationOptions(request, caller), env, args, packages, user, sameUser };
      return eventResponses(manager.install(origin, options));
    },
    start: (request, caller) => eventResponses(manager.start(request.name, operationOptions(request, caller))),
    suspend: (request, caller) => eventResponses(manager.suspend(request.name, endOptions(request, caller))),
    resume: (request, caller) => eventResponses(manager.resume(request.name, operationOptions(request, caller))),
    restart: (request, caller) => eventResponses(manager.restart(request.name, endOptions(request, caller))),
    refresh: (request, caller) => eventResponses(manager.refresh(request.name, operationOptions({}, caller))),
    stop: (request, caller) => eventResponses(manager.stop(request.name, endOptions(request, caller))),
    uninstall: (request, caller) => eventResponses(manager.uninstall(request.name, endOptions(request, caller))),

    update: (request, caller) => {
      const { name, version } = request;
      const options = { ...updateOptions(request, caller), ...(version !== "" && { version }) };
      return eventResponses(manager.update(name, options));
    },
    updateTo: (request, caller) => {
      const { name, origin } = request;
      return eventResponses(manager.updateTo(name, origin, updateOptions(request, caller)));
    },
    revert: (request, caller) => {
      const { name, restart } = request;
      return eventResponses(manager.revert(name, { ...endOptions(request, caller), restart }));
    },
    async tidy({ dryRun, olderThan }, { signal }) {
      const olderThanMs = durationMs(olderThan, "older_than");
      const { removed, freedBytes } = await manager.tidy({ dryRun, olderThanMs, signal });
      return { removed: [...removed], freedBytes: BigInt(freedBytes) };
    },

    async *list({ glob }, { signal }) {
      for await (const status of manager.list(globOf(glob), signal)) {
        yield { object: statusMessage(status) };
      }
    },
    async *status({ glob }, { signal }) {
      for await (const status of manager.status(globOf(glob), signal)) {
        yield { object: statusMessage(status) };
      }
    },
    async *watch({ glob }, { signal }) {
      for await (const event of manager.watch(globOf(glob), signal)) {
        yield watchMessage(event);
      }
    },
    async *readLogs({ name, stream, follow, tailLines }, { signal }) {
      for await (const chunk of manager.readLogs(name, { stream: streamName(stream), follow, tailLines, signal })) {
        yield logMessage(chunk);
      }
    },
    async debug({ name }) {
      return { text: await manager.debug(name) };
    },
  };
}

function watchMessage(event: WatchEvent): Partial<WatchResponse> {
  switch (event.kind) {
    case "existing":
      return { kind: Kind.EXISTING, object: statusMessage(event.object) };
    case "synced":
      return { kind: Kind.SYNCED };
    case "changed":
      return { kind: Kind.CHANGED, object: statusMessage(event.object) };
    case "removed":
      // Nothing is known of it any more but its name.
      return { kind: Kind.REMOVED, object: { name: event.name, state: 0, object: undefined, error: "" } };
  }
}

function logMessage({ stream, data }: LogChunk): ReadLogsResponse {
  return {
    stream: stream === "stdout" ? LogStream.STDOUT : LogStream.STDERR,
    data: Buffer.from(data.buffer, data.byteOffset, data.byteLength),
  };
}

function streamName(stream: LogStream): LogStreamName | undefined {
  switch (stream) {
    case LogStream.UNSPECIFIED:
      return undefined;
    case LogStream.STDOUT:
      return "stdout";
    case LogStream.STDERR:
      return "stderr";
    default:
      throw new NodeError("INVALID_ARGUMENT", `there is no log stream ${stream}`, { metadata: { field: "stream" } });
  }
}
