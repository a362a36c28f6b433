import { connect, createServer, type Server, type Socket } from "node:net";

/** A way to a service on this machine that a test can cut, hold up and close. */
export interface FlakyProxy extends AsyncDisposable {
  /** Where clients connect, on 127.0.0.1. */
  readonly port: number;
  /** How many connections there have been. */
  readonly connections: number;
  /** How many bytes came from the service so far. */
  readonly bytesDown: number;
  /** Breaks off all connections; new ones are accepted. */
  cut(): void;
  /** Every connection from now on breaks off after so many bytes from the service; `undefined` ends that. */
  cutAfter(bytes: number | undefined): void;
  /** Whether bytes of the service are held back, as on a line that is dead without a word. */
  hold(held: boolean): void;
  /** Refuses connections from now on, and breaks off those that there are. */
  close(): Promise<void>;
}

/** Stands before a service on 127.0.0.1. */
export async function flakyProxy(servicePort: number): Promise<FlakyProxy> {
  const lines = new Set<{ readonly client: Socket; readonly service: Socket }>();
  let connections = 0;
  let bytesDown = 0;
  let limit: number | undefined;
  let held = false;
  const server: Server = createServer((client) => {
    connections++;
    const service = connect(servicePort, "127.0.0.1");
    const line = { client, service };
    const cutAt = limit;
    let down = 0;
    lines.add(line);
    const cut = () => {
      lines.delete(line);
      client.destroy();
      service.destroy();
    };
    for (const socket of [client, service]) {
      socket.on("error", cut).on("close", cut);
    }
    client.pipe(service);
    service.on("data", (chunk: Buffer) => {
      const allowed = cutAt === undefined ? chunk : chunk.subarray(0, Math.max(0, cutAt - down));
      down += allowed.length;
      bytesDown += allowed.length;
      if (!client.write(allowed)) {
        service.pause();
      }
      if (cutAt !== undefined && down >= cutAt) {
        // What was written goes out first.
        client.end(() => cut());
      }
    });
    client.on("drain", () => {
      if (!held) {
        service.resume();
      }
    });
    if (held) {
      service.pause();
    }
  });
  const cutAll = () => {
    for (const { client, service } of lines) {
      client.destroy();
      service.destroy();
    }
  };
  const close = async () => {
    cutAll();
    if (server.listening) {
      await new Promise<void>((resolve) => server.close(() => resolve()));
    }
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") {
    throw new Error("the proxy has no port");
  }
  return {
    port: address.port,
    get connections() {
      return connections;
    },
    get bytesDown() {
      return bytesDown;
    },
    cut: cutAll,
    cutAfter(bytes) {
      limit = bytes;
    },
    hold(value) {
      held = value;
      for (const { service } of lines) {
        if (held) {
          service.pause();
        } else {
          service.resume();
        }
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
