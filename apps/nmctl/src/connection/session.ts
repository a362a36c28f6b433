import type { NodeClient } from "@nodemanager/rpc/client";
import type { Arguments } from "../grammar/arguments.ts";
import type { Io } from "../io.ts";

/**
 * The node that a command line means, connected to when it is first asked for. Commands that need no node load nothing
 * of gRPC.
 */
export class Session implements Disposable {
  readonly #args: Arguments;
  readonly #io: Io;
  readonly #signal: AbortSignal;
  readonly #stack = new DisposableStack();
  #client: Promise<NodeClient> | undefined;

  constructor(args: Arguments, io: Io, signal: AbortSignal) {
    this.#args = args;
    this.#io = io;
    this.#signal = signal;
  }

  /**
   * A client of the node; the same one each time.
   *
   * @throws NodeError as `findTarget` and `openSshTunnel`
   */
  node(): Promise<NodeClient> {
    this.#client ??= this.#connect();
    return this.#client;
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }

  async #connect(): Promise<NodeClient> {
    const [{ findTarget }, { connectNode }] = await Promise.all([
      import("./target.ts"),
      import("@nodemanager/rpc/client"),
    ]);
    const target = await findTarget(this.#args, this.#io);
    if (target.kind === "direct") {
      const client = connectNode(target.address, target.tls ? { tls: target.tls } : {});
      this.#stack.defer(() => client.close());
      return client;
    }
    const { openSshTunnel } = await import("./ssh-tunnel.ts");
    const tunnel = this.#stack.use(await openSshTunnel(target.ssh, this.#io, this.#signal));
    const client = connectNode({ kind: "unix", path: tunnel.socketPath });
    this.#stack.defer(() => client.close());
    return client;
  }
}
