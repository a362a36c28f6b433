import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { connectNode, type NodeClient } from "@nodemanager/rpc/client";

/** A noded of the build, on a scratch root, and a connection to it. */
export class NodeUnderTest implements AsyncDisposable {
  readonly client: NodeClient;
  readonly #child: ChildProcess;

  static async start(program: string, dir: string): Promise<NodeUnderTest> {
    const socket = join(dir, "noded.sock");
    const args = ["--root", join(dir, "root"), "--listen", `unix:${socket}`, "--log-level", "warn", "--ready-fd", "3"];
    const child = spawn(program, args, { stdio: ["ignore", "inherit", "inherit", "pipe"] });
    await once(child.stdio[3] as Readable, "data");
    return new NodeUnderTest(child, connectNode({ kind: "unix", path: socket }));
  }

  private constructor(child: ChildProcess, client: NodeClient) {
    this.#child = child;
    this.client = client;
  }

  /** Installs and gives the installation's name. */
  async install(origin: string, args: readonly string[] = [], o: { sameUser?: boolean } = {}): Promise<string> {
    for await (const { event } of this.client.applications.install({ origin, args: [...args], ...o })) {
      if (event?.event?.$case === "outcome") {
        return event.event.value.name;
      }
    }
    throw new Error(`${origin} was not installed`);
  }

  async start(name: string): Promise<string> {
    for await (const { event } of this.client.applications.start({ name })) {
      if (event?.event?.$case === "outcome") {
        return event.event.value.name;
      }
    }
    throw new Error(`${name} was not started`);
  }

  async stop(name: string): Promise<void> {
    for await (const { event } of this.client.applications.stop({ name })) {
      if (event?.event?.$case === "error") {
        throw new Error(event.event.value.message);
      }
    }
  }

  /** Resident and anonymous memory in kB. */
  memory(): { rss: number; anonymous: number } {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, "utf8");
    const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]);
    return { rss: field("VmRSS"), anonymous: field("RssAnon") };
  }

  /** How often its threads were given the processor so far. */
  switches(): number {
    const tasks = `/proc/${this.#child.pid}/task`;
    const counts = readdirSync(tasks).map((task) => {
      const status = readFileSync(join(tasks, task, "status"), "utf8");
      return Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1]);
    });
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await ended;
  }
}
