import { chmod } from "node:fs/promises";
import { logVerbosity, ServerCredentials, setLogVerbosity } from "@grpc/grpc-js";
import { type Logger, silentLogger } from "@nodemanager/core";
import { HealthDefinition, ServerReflectionDefinition, ServerReflectionV1AlphaDefinition } from "@nodemanager/proto";
import { type CompatServiceDefinition, createServer, type Server, type ServiceImplementation } from "nice-grpc";
import { type Address, formatAddress, type TcpAddress, type UnixAddress } from "./address.ts";
import { callLog } from "./call-log.ts";
import { Health } from "./health.ts";
import { cannotListen, checkListen } from "./listen.ts";
import { REFLECTION_SERVICES, Reflection } from "./reflection.ts";
import { serverOptions } from "./server-options.ts";
import { type ServerTlsFiles, serverCredentials } from "./tls.ts";
import { clearStaleSocket } from "./unix-socket.ts";

/** Where services are added before the server listens; a nice-grpc `Server` is one, too. */
export interface ServiceRegistrar {
  add<Service extends CompatServiceDefinition>(
    definition: Service,
    implementation: ServiceImplementation<Service>,
  ): void;
}

export interface ServeOptions {
  /** At least one. Port 0 lets the system choose. */
  readonly listen: readonly Address[];
  /** Adds the services; called once. */
  readonly register: (server: ServiceRegistrar) => void;
  /** For every TCP address. */
  readonly tls?: ServerTlsFiles | undefined;
  /**
   * Whether TCP without TLS is refused; otherwise it is allowed to loopback addresses, and to no others.
   *
   * @defaultValue true
   */
  readonly requireTlsOnTcp?: boolean;
  /**
   * Whether the standard health and reflection services are served beside.
   *
   * @defaultValue true
   */
  readonly introspection?: boolean;
  /**
   * The largest message that is accepted. What one caller can make the server hold is about 200 times this for each of
   * its concurrent calls, when it sends byte by byte.
   *
   * @defaultValue 64 KiB
   */
  readonly maxMessageBytes?: number;
  readonly logger?: Logger;
}

/** A server that listens; disposing it closes it at once. */
export interface RunningServer extends AsyncDisposable {
  /** With the real ports. */
  readonly addresses: readonly Address[];
  /** What the health service says; true at first. */
  setServing(serving: boolean): void;
  /**
   * Takes no new calls, waits for those that are under way, and breaks off what is left after the grace time, 0 unless
   * given. The files of unix sockets are gone afterwards. Twice is fine; the grace that ends first counts.
   */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

/**
 * Serves gRPC on unix sockets (mode 0600, in directories that exist) and TCP ports (TLS 1.3 with client certificates).
 *
 * Errors of all methods leave through `statusFromError`, and each call leaves one log record. When it throws, nothing
 * listens.
 *
 * @throws NodeError `ADDRESS_IN_USE`, `SOCKET_PATH_TOO_LONG`, `INVALID_CONFIG` for unreadable TLS files, a missing
 * directory, or TCP without TLS
 */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  const { listen, tls, requireTlsOnTcp = true, logger = silentLogger } = options;
  checkListen(listen, { hasTls: tls !== undefined, requireTlsOnTcp });
  const credentials = tls ? serverCredentials(tls) : undefined;
  // It writes to stderr what it also throws, and stderr is for records.
  setLogVerbosity(logVerbosity.NONE);
  const services = collectServices(options);
  const running: Server[] = [];
  const addresses: Address[] = [];
  try {
    for (const address of listen) {
      // One server for each address: nice-grpc binds once.
      const server = createServer(serverOptions(address, options)).use(callLog(logger));
      for (const add of services.adders) {
        add(server);
      }
      running.push(server);
      addresses.push(
        address.kind === "unix"
          ? await bindUnix(server, address)
          : await bindTcp(server, address, credentials ?? ServerCredentials.createInsecure()),
      );
    }
  } catch (error) {
    forceShutdown(running);
    throw error;
  }
  let closed: Promise<unknown> | undefined;
  const close = async (graceMs: number): Promise<void> => {
    services.health.close();
    closed ??= Promise.all(running.map((server) => server.shutdown()));
    // grpc-js forgets its callback when a session is just breaking down: what is left after the end is not waited for.
    const over = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      forceShutdown(running);
      setImmediate(over.resolve);
    }, graceMs);
    try {
      await Promise.race([closed, over.promise]);
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    addresses,
    setServing: (serving) => services.health.setServing(serving),
    close: (o) => close(o?.graceMs ?? 0),
    [Symbol.asyncDispose]: () => close(0),
  };
}

interface Services {
  readonly adders: readonly ((server: ServiceRegistrar) => void)[];
  readonly health: Health;
}

function collectServices({ register, introspection = true }: ServeOptions): Services {
  const adders: ((server: ServiceRegistrar) => void)[] = [];
  const names: string[] = [];
  register({
    add(definition, implementation) {
      adders.push((server) => server.add(definition, implementation));
      if ("fullName" in definition && typeof definition.fullName === "string") {
        names.push(definition.fullName);
      }
    },
  });
  const health = new Health(names);
  if (introspection) {
    const reflection = new Reflection([...names, HealthDefinition.fullName, ...REFLECTION_SERVICES], loadDescriptors);
    adders.push((server) => {
      server.add(HealthDefinition, health);
      server.add(ServerReflectionDefinition, reflection);
      server.add(ServerReflectionV1AlphaDefinition, reflection);
    });
  }
  return { adders, health };
}

async function loadDescriptors(): Promise<Uint8Array> {
  const { fileDescriptorSet } = await import("@nodemanager/proto/descriptors");
  return Buffer.from(fileDescriptorSet, "base64");
}

async function bindUnix(server: Server, address: UnixAddress): Promise<UnixAddress> {
  await clearStaleSocket(address.path);
  await listenOn(server, address, ServerCredentials.createInsecure());
  // Its mode came from the umask; the directory keeps others out meanwhile.
  await chmod(address.path, 0o600);
  return address;
}

async function bindTcp(server: Server, address: TcpAddress, credentials: ServerCredentials): Promise<TcpAddress> {
  return { ...address, port: await listenOn(server, address, credentials) };
}

async function listenOn(server: Server, address: Address, credentials: ServerCredentials): Promise<number> {
  try {
    return await server.listen(formatAddress(address), credentials);
  } catch (error) {
    throw cannotListen(address, error);
  }
}

function forceShutdown(servers: readonly Server[]): void {
  for (const server of servers) {
    server.forceShutdown();
  }
}
