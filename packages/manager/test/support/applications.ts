import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PackageFormat } from "@nodemanager/core";
import { type ApplicationDescription, openRepository, parseRepositoryAddress, publish } from "@nodemanager/repository";
import { type TempDir, tempDir } from "@nodemanager/testing";
import { afterAll } from "vitest";

type ReadinessInput = NonNullable<ApplicationDescription["readiness"]>;

/** The profile that everything here is published for. */
export const PROFILE = "test";

/** One script for all: what it does is its first argument. */
export const SCRIPT = `#!/bin/sh
ready() { echo >&$NOTIFY_FD; }
# In this one process: one that it had just forked might miss a signal. A trap interrupts the read, so it runs at once.
[ -p "$HOME/rest" ] || mkfifo "$HOME/rest"
exec 9<>"$HOME/rest"
rest() { while :; do read -r _ <&9; done; }
mode=$1
shift
echo "$mode $$ $*"
trap 'echo bye; echo ended >>"$HOME/ended"; exit 0' TERM
trap 'echo "last words" >&2; exit 7' USR1
trap 'echo more' USR2
case $mode in
steady) ready; rest ;;
settled) rest ;;
deaf) trap '' TERM; ready; rest ;;
never) trap - TERM; rest ;;
deaf-never) trap '' TERM; echo >"$HOME/deaf"; rest ;;
gated) while [ ! -e "$HOME/go" ]; do sleep 0.02; done; ready; rest ;;
picky) [ ! -e "$HOME/bad" ] || exit 4; ready; rest ;;
failing) echo "cannot do it" >&2; exit 3 ;;
environment) env; ready; rest ;;
parent)
  setsid sh -c 'trap "" TERM; echo $$ >"$HOME/grandchild"; exec sleep 1000' &
  while [ ! -s "$HOME/grandchild" ]; do sleep 0.01; done
  ready
  rest
  ;;
flood) ready; trap 'exit 0' TERM; while :; do echo "0123456789012345678901234567890123456789"; done ;;
esac
`;

export type Mode =
  | "steady"
  | "settled"
  | "deaf"
  | "never"
  | "deaf-never"
  | "gated"
  | "failing"
  | "picky"
  | "environment"
  | "parent"
  | "flood";

/** Speaks the exec protocol and, on its own socket, a line for a line: see ports.ts. */
const APP_CYCLE = `#!${process.execPath}
const fs = require("node:fs");
const net = require("node:net");
const bytes = [];
function frame() {
  const size = Buffer.alloc(8);
  fs.readSync(3, size);
  const content = Buffer.alloc(Number(size.readBigUInt64BE()));
  for (let at = 0; at < content.length; at += fs.readSync(3, content, at, content.length - at));
  return content;
}
const config = JSON.parse(frame());
frame();
fs.closeSync(3);
const [mode] = process.argv.slice(2);
if (mode === "failed") {
  fs.writeSync(4, "failed no disk\\n");
  setTimeout(() => {}, 1e6);
  return;
}
if (mode === "garbled") {
  fs.writeSync(4, "hello\\n");
  setTimeout(() => {}, 1e6);
  return;
}
const server = net.createServer((socket) => {
  socket.on("error", () => {});
  socket.once("data", async () => {
    if (mode === "break-off") return socket.destroy();
    if (mode === "never-done") return socket.write('{"progress":1,"goal":3}\\n');
    for (const progress of [1, 2, 3]) socket.write(JSON.stringify({ progress, goal: 3 }) + "\\n");
    fs.writeFileSync(process.env.HOME + "/ended", "in order");
    socket.end("done\\n");
    if (mode !== "lingers") server.close(() => process.exit(0));
  });
});
server.listen(config.APP_CYCLE_SOCKET, () => {
  if (mode === "nameless") return fs.writeSync(4, "ready\\n");
  const callback = net.connect(config.CALLBACK_ADDRESS.slice("unix:".length));
  const value = "unix:" + config.APP_CYCLE_SOCKET;
  callback.write(JSON.stringify({ id: config.CALLBACK_ID, key: "APP_CYCLE_ADDRESS", value }) + "\\n");
  callback.once("data", () => {
    callback.destroy();
    fs.writeSync(4, "ready\\n");
  });
});
`;

export interface Publication {
  /** Of the application; if nothing but the mode is given, the mode is its title. */
  readonly title?: string;
  readonly mode?: Mode;
  /** Publishes what speaks the app cycle, with this as its first argument. */
  readonly appCycle?: string;
  /** Publishes these bytes. */
  readonly binary?: Uint8Array;
  /** The program in a package, instead of all these. */
  readonly command?: string;
  readonly packages?: Readonly<Record<string, { readonly bytes: Uint8Array; readonly format: PackageFormat }>>;
  readonly version?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly readiness?: ReadinessInput;
  readonly graceMs?: number;
  /** 0 unless given. */
  readonly soakMs?: number;
  readonly profiles?: readonly string[];
}

let shared: Promise<TempDir> | undefined;

/** The repository of this test file. */
export async function repositoryDir(): Promise<string> {
  shared ??= tempDir();
  return join((await shared).path, "repository");
}

afterAll(async () => {
  await (await shared)?.[Symbol.asyncDispose]();
  shared = undefined;
});

const published = new Map<string, Promise<string>>();

/** Publishes an application, once in a test file; gives its origin. */
export async function publication(o: Publication): Promise<string> {
  const key = JSON.stringify(o);
  const known = published.get(key) ?? publishNow(o, published.size);
  published.set(key, known);
  return await known;
}

async function publishNow(o: Publication, number: number): Promise<string> {
  const dir = await repositoryDir();
  // Another content is another application.
  const plain = o.mode ?? "application";
  const title = o.title ?? (Object.keys(o).length > 1 ? `${plain}-${number}` : plain);
  const file = join(dir, `../program-${number}`);
  await writeFile(file, o.binary ?? (o.appCycle === undefined ? SCRIPT : APP_CYCLE), { mode: 0o755 });
  const packages: Record<string, { readonly path: string; readonly format: PackageFormat }> = {};
  for (const [name, { bytes, format }] of Object.entries(o.packages ?? {})) {
    const path = join(dir, `../package-${number}-${name}`);
    await writeFile(path, bytes);
    packages[name] = { path, format };
  }
  await using repository = await openRepository(parseRepositoryAddress(`file:${dir}`), {});
  const first = o.appCycle ?? o.mode;
  await publish({
    file: o.command === undefined ? file : undefined,
    packages,
    to: repository,
    application: title,
    description: {
      version: o.version ?? "1.0.0",
      args: [...(first === undefined ? [] : [first]), ...(o.args ?? [])],
      env: o.env,
      command: o.command,
      readiness: o.readiness ?? readinessOf(o),
      // What does not end by itself should not keep a test waiting.
      stop: { graceMs: o.graceMs ?? (o.mode === "parent" ? 300 : 5000) },
      soakMs: o.soakMs ?? 0,
    },
    profiles: o.profiles ?? [PROFILE],
  });
  return `file:${dir}/${encodeURIComponent(title)}`;
}

function readinessOf(o: Publication): ReadinessInput {
  if (o.appCycle !== undefined) {
    return { kind: "appcycle" };
  }
  return o.mode === "settled" ? { kind: "none", settleMs: 10 } : { kind: "fd" };
}
