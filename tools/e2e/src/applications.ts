import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { Device } from "./device.ts";
import { NODE, ORDERLY, PYTHON } from "./programs.ts";

/** What to run, and how to tell that it is ready. */
export interface Application {
  readonly file: string;
  /** As `--readiness` has it. */
  readonly readiness: string;
  readonly args?: readonly string[];
}

/** An executable file in the device's directory. */
export function executable(device: Device, name: string, text: string): string {
  const file = join(device.dir, name);
  writeFileSync(file, text);
  chmodSync(file, 0o755);
  return file;
}

// Every run adds a line to a file in the workspace, and an orderly end another one.
const SH_START = 'echo "hello from $NODED_INSTANCE"; echo run >> runs';
const SH_WORK = `trap 'echo ended >> runs; exit 0' TERM; sleep 600 & wait`;

/** Readiness `none`: a shell script. */
export function plainScript(device: Device): Application {
  return { file: executable(device, "plain.sh", `#!/bin/sh\n${SH_START}\n${SH_WORK}\n`), readiness: "none:50ms" };
}

/** Readiness `fd`: a shell script that writes a newline to the descriptor named in `NOTIFY_FD`. */
export function notifyingScript(device: Device): Application {
  const notify = 'eval "echo >&$NOTIFY_FD"';
  return { file: executable(device, "fd.sh", `#!/bin/sh\n${SH_START}\n${notify}\n${SH_WORK}\n`), readiness: "fd" };
}

/** Readiness `tcp` or `http`: a server that comes to listen a moment after it was started. */
export async function server(device: Device, kind: "tcp" | "http"): Promise<Application & { readonly port: number }> {
  const port = await freePort();
  const text = `#!${NODE}
const { appendFileSync } = require("node:fs");
console.log("hello from " + process.env.NODED_INSTANCE);
appendFileSync("runs", "run\\n");
process.on("SIGTERM", () => { appendFileSync("runs", "ended\\n"); process.exit(0); });
setTimeout(() => require("node:http").createServer((_, answer) => answer.end("page\\n")).listen(${port}, "127.0.0.1"), 100);
`;
  const readiness = kind === "tcp" ? `tcp:${port}` : `http:${port}/page`;
  return { file: executable(device, `${kind}.cjs`, text), readiness, port };
}

/** Speaks the exec protocol, in Python with nothing but what comes with it. */
export const HANDSHAKING = `#!${PYTHON}
import json, os, signal, struct, sys

def exactly(size):
    data = b""
    while len(data) < size:
        piece = os.read(3, size - len(data))
        if not piece:
            sys.exit(111)
        data += piece
    return data

def frame():
    return exactly(struct.unpack(">Q", exactly(8))[0])

def ended(*_):
    open("runs", "a").write("ended\\n")
    sys.exit(0)

config, secret = json.loads(frame()), frame()
print("hello from", config["INSTANCE_NAME"], flush=True)
open("runs", "a").write("run\\n")
signal.signal(signal.SIGTERM, ended)
os.write(4, b"ready\\n")
os.close(4)
while True:
    signal.pause()
`;

/** Readiness `handshake`. */
export function handshakingScript(device: Device): Application {
  return { file: executable(device, "handshake.py", HANDSHAKING), readiness: "handshake" };
}

/** Readiness `appcycle`: the sample application of the tour. */
export function orderly(device: Device): Application {
  return {
    file: executable(device, "orderly.mjs", `#!${NODE}\n${readFileSync(ORDERLY, "utf8")}`),
    readiness: "appcycle",
  };
}

export interface PublishOptions {
  readonly title?: string;
  readonly version?: string;
  readonly to?: string;
  /** Further options of `nmctl publish`. */
  readonly options?: readonly string[];
}

/** Publishes an application, to a directory of the device's unless told otherwise. @returns the origin */
export async function publish(device: Device, application: Application, o: PublishOptions = {}): Promise<string> {
  const { title = "app", version = "1.0.0", to = `file:${join(device.dir, "repo")}`, options = [] } = o;
  return await device.ok(
    ...["publish", application.file, "--to", to, "--title", title, "--version", version],
    ...["--readiness", application.readiness, "--stop-grace", "5s"],
    ...(application.args ?? []).flatMap((arg) => ["--arg", arg]),
    ...options,
  );
}

/** Publishes and installs. @returns the installation's name */
export async function install(device: Device, application: Application, o: PublishOptions = {}): Promise<string> {
  return await device.ok("install", await publish(device, application, o));
}

/** A port of loopback that is free now. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === "string") {
    throw new Error("a TCP server has a port");
  }
  return address.port;
}
