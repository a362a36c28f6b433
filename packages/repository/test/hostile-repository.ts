import { systemClock } from "@nodemanager/core";
import {
  ApplicationRepositoryServiceDefinition,
  BinaryRepositoryServiceDefinition,
  type DownloadRequest,
  type MatchResponse,
} from "@nodemanager/proto/v1";
import { defaultTuning, openRepository, parseRepositoryAddress, type Repository } from "@nodemanager/repository";
import type { RunningRepository } from "@nodemanager/repository/server";
import { formatAddress } from "@nodemanager/transport";
import { serve } from "@nodemanager/transport/server";
import { messageChunks } from "../src/grpc/message-chunks.ts";
import { ApplicationService } from "../src/server/application-service.ts";
import { BinaryService } from "../src/server/binary-service.ts";

/** Where a repository deviates from what is right. */
export interface Hostility {
  /** What it answers instead of the right match. */
  readonly match?: (right: MatchResponse) => MatchResponse | Promise<MatchResponse>;
  /** What it sends instead of the right bytes: an {@link Answer} of `hostile-binaries.ts`, or something made of them. */
  readonly download?: (
    offset: number,
    signal: AbortSignal | undefined,
    right: AsyncIterable<Uint8Array>,
  ) => AsyncIterable<Uint8Array>;
}

/**
 * Serves a directory repository with deviations, for tests of whoever uses one. Publish with a right client of
 * `openRepository({ kind: "file", dir })` first.
 */
export async function serveHostile(options: {
  readonly dir: string;
  readonly hostility: Hostility;
  /** 0 unless given. */
  readonly port?: number;
}): Promise<RunningRepository> {
  const { dir, hostility, port = 0 } = options;
  const right: Repository = await openRepository({ kind: "file", dir });
  const applications = new ApplicationService(right.applications);
  const binaries = new BinaryService(right.binaries, { clock: systemClock, tuning: defaultTuning });
  const running = await serve({
    listen: [{ kind: "tcp", host: "127.0.0.1", port }],
    requireTlsOnTcp: false,
    maxMessageBytes: 2 * 1024 * 1024,
    register(server) {
      server.add(ApplicationRepositoryServiceDefinition, {
        match: async (request, context) => {
          const response = await applications.match(request, context);
          return hostility.match ? await hostility.match(response) : response;
        },
        put: (request, context) => applications.put(request, context),
        remove: (request, context) => applications.remove(request, context),
        profiles: (request, context) => applications.profiles(request, context),
        list: (request, context) => applications.list(request, context),
      });
      server.add(BinaryRepositoryServiceDefinition, {
        upload: (requests, context) => binaries.upload(requests, context),
        stat: (request, context) => binaries.stat(request, context),
        delete: (request, context) => binaries.delete(request, context),
        async *download({ sha256, offsetBytes }: DownloadRequest, { signal }) {
          const offset = Number(offsetBytes);
          const source = right.binaries.open(sha256, { offset, signal });
          for await (const chunk of messageChunks(hostility.download?.(offset, signal, source) ?? source)) {
            yield { chunk };
          }
        },
      });
    },
  });
  const [address] = running.addresses;
  return {
    address: address ? `grpc:${formatAddress(address)}` : "",
    close: (o) => running.close(o),
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}

/** The client of a hostile repository. */
export async function openHostile(server: RunningRepository): Promise<Repository> {
  return await openRepository(parseRepositoryAddress(server.address));
}
