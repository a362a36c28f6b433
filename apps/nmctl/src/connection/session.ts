import type { NodeClient } from "@nodemanager/rpc/client";
import type { Arguments } from "../grammar/arguments.ts";
import type { Io } from "../io.ts";
import type { SshTunnel } from "./ssh-tunnel.ts";

/**
 * The node that a command line means, connected to when it is first asked for. Commands that need no node load nothing
 * of gRPC.
 */
export class Session implements Disposable {
  readonly #args: Arguments;
  readonly #io: Io;
  readonly #signal: AbortSignal;
  #client: Promise<NodeClient> | undefined;
  #tunnel: SshTunnel | undefined;

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

  /**
   * As {@link node}, by a connection of its own: for a node that was started again. What was connected before is closed, but
   * for ssh, which may have asked its user for something.
   */
  async reconnect(): Promise<NodeClient> {
    await this.#close();
    this.#client = undefined;
    return await this.node();
  }

  [Symbol.dispose](): void {
    void this.#close();
    this.#tunnel?.[Symbol.dispose]();
  }

  /** A connection that never came to be needs no closing. */
  async #close(): Promise<void> {
    await this.#client?.then(
      (client) => client.close(),
      () => {},
    );
  }

  async #connect(): Promise<NodeClient> {
    const [{ findTarget }, { connectNode }] = await Promise.all([
      import("./target.ts"),
      import("@nodemanager/rpc/client"),
    ]);
    const target = await findTarget(this.#args, this.#io);
    if (target.kind === "direct") {
      return connectNode(target.address, target.tls ? { tls: target.tls } : {});
    }
    if (!this.#tunnel?.isOpen) {
      const { openSshTunnel } = await import("./ssh-tunnel.ts");
      this.#tunnel?.[Symbol.dispose]();
      this.#tunnel = await openSshTunnel(target.ssh, this.#io, this.#signal);
    }
    return connectNode({ kind: "unix", path: this.#tunnel.socketPath });
  }
}
