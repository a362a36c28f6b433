import { createHash } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import {
  ApplicationRepositoryServiceDefinition,
  BinaryRepositoryServiceDefinition,
  type DownloadResponse,
} from "@nodemanager/proto/v1";
import { formatAddress } from "@nodemanager/transport";
import { type RunningServer, serve } from "@nodemanager/transport/server";

/**
 * What a repository sends when it is asked for a binary of two chunks: the first one and then nothing more for ever, the
 * first one alone, or other ones without end.
 */
export type Hostility = "stalls" | "truncated" | "endless";

const CHUNK = Buffer.alloc(16 * 1024, "x");
const OTHER = Buffer.alloc(CHUNK.length, "o");
const SIZE_BYTES = 2 * CHUNK.length;
const SHA256 = createHash("sha256")
  .update(Buffer.concat([CHUNK, CHUNK]))
  .digest("hex");

/** A repository that answers as one does, until it is to send a binary. */
export class HostileRepository implements AsyncDisposable {
  readonly #server: RunningServer;
  readonly address: string;

  static async serve(hostility: Hostility): Promise<HostileRepository> {
    const server = await serve({
      listen: [{ kind: "tcp", host: "127.0.0.1", port: 0 }],
      requireTlsOnTcp: false,
      register(services) {
        services.add(ApplicationRepositoryServiceDefinition, {
          async match({ application, profiles }) {
            const binary = { sha256: SHA256, sizeBytes: BigInt(SIZE_BYTES) };
            return { envelope: { title: application, version: "1.0.0", binary }, profile: profiles[0] ?? "" };
          },
          put: refuse,
          remove: refuse,
          profiles: refuse,
          list: refuse,
        });
        services.add(BinaryRepositoryServiceDefinition, {
          upload: refuse,
          stat: refuse,
          delete: refuse,
          download: ({ offsetBytes }, { signal }) => sent(hostility, Number(offsetBytes), signal),
        });
      },
    });
    return new HostileRepository(server);
  }

  private constructor(server: RunningServer) {
    this.#server = server;
    const [address] = server.addresses;
    this.address = address ? `grpc:${formatAddress(address)}` : "";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}

async function* sent(hostility: Hostility, offset: number, signal: AbortSignal): AsyncGenerator<DownloadResponse> {
  switch (hostility) {
    case "stalls":
      yield { chunk: offset === 0 ? CHUNK : Buffer.alloc(0) };
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      return;
    case "truncated":
      if (offset === 0) {
        yield { chunk: CHUNK };
      }
      return;
    case "endless":
      for (;;) {
        yield { chunk: OTHER };
      }
  }
}

async function refuse(): Promise<never> {
  throw new Error("this repository only gives");
}

/** A server on loopback that takes connections and answers with something, or with nothing at all. */
export class Stranger implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  static async serve(answer: string | undefined): Promise<Stranger> {
    const stranger = new Stranger(answer);
    await new Promise<void>((resolve) => stranger.#server.listen(0, "127.0.0.1", resolve));
    return stranger;
  }

  private constructor(answer: string | undefined) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => {}).on("close", () => this.#sockets.delete(socket));
      socket.resume();
      if (answer !== undefined) {
        socket.end(answer);
      }
    });
  }

  get address(): string {
    const address = this.#server.address();
    return typeof address === "object" && address ? `grpc:127.0.0.1:${address.port}` : "";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) {
      socket.destroy();
    }
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
