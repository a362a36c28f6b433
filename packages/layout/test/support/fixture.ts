import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  type Account,
  type Clock,
  decodeEnvelope,
  type Envelope,
  type InstallationName,
  type InstanceName,
  type PackageFormat,
  type PackageRef,
  type ProcessIdentity,
  parseTitle,
} from "@nodemanager/core";
import { type FsOps, type InstallationRecord, type Launch, openRoot, type Root } from "@nodemanager/layout";
import { FakeClock } from "@nodemanager/testing";
import { RecordingFs } from "./recording-fs.ts";

/** Ourselves, as far as a lock is concerned. */
export const SELF: ProcessIdentity = { pid: 4711, startTicks: 42, bootId: "boot" };
export const BINARY = new TextEncoder().encode("#!/bin/sh\nexit 0\n");
export const SHA256: string = createHash("sha256").update(BINARY).digest("hex");
export const TITLE = parseTitle("redis");

/** One that whoever runs the test can give things to: nobody but root has a choice. */
export const ACCOUNT: Account =
  process.geteuid?.() === 0
    ? { kind: "own", uid: 1_879_100_001, gid: 1_879_100_002 }
    : { kind: "own", uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };

export function envelope(title: string = TITLE): Envelope {
  return decodeEnvelope({ title, version: "1.2.3", binary: { sha256: SHA256, sizeBytes: BINARY.length } }, "a test");
}

export function launch(attempt = "one"): Launch {
  return {
    attempt,
    process: { pid: 99, startTicks: 7, bootId: "boot" },
    startedAt: new Date("2026-11-22T10:00:00Z"),
    lifeline: true,
  };
}

/** Opens a root as a process that finds every earlier holder dead. */
export async function open(dir: string, o: { fs?: FsOps; clock?: Clock } = {}): Promise<Root> {
  return await openRoot(dir, {
    self: SELF,
    isAlive: () => false,
    clock: new FakeClock(),
    fs: new RecordingFs(),
    ...o,
  });
}

export async function putBinary(root: Root): Promise<void> {
  await using writer = await root.blobs.begin({ sha256: SHA256, sizeBytes: BINARY.length });
  await writer.write(BINARY);
  await writer.commit();
}

/** Puts bytes into the blob store, and says what a package of them is. */
export async function putPackage(root: Root, bytes: Uint8Array, format: PackageFormat = "tar"): Promise<PackageRef> {
  const ref = packageOf(bytes, format);
  await using writer = await root.blobs.begin(ref);
  await writer.write(bytes);
  await writer.commit();
  return ref;
}

export function packageOf(bytes: Uint8Array, format: PackageFormat): PackageRef {
  return { sha256: createHash("sha256").update(bytes).digest("hex"), sizeBytes: bytes.length, format };
}

export async function install(
  root: Root,
  o: { title?: string; requestId?: string; packages?: Readonly<Record<string, PackageRef>> } = {},
): Promise<InstallationRecord> {
  if ((await root.blobs.size(SHA256)) === undefined) {
    await putBinary(root);
  }
  const title = parseTitle(o.title ?? TITLE);
  return await root.installations.install({
    title,
    envelope: envelope(title),
    origin: "file:/repository/redis",
    env: { LEVEL: "1" },
    args: ["--port", "6379"],
    packages: o.packages,
    requestId: o.requestId,
  });
}

export async function createInstance(root: Root, installation?: InstallationName): Promise<InstanceName> {
  return (await root.instances.create(installation ?? (await install(root)).name)).name;
}

/** An instance that runs. */
export async function runInstance(root: Root, instance?: InstanceName): Promise<InstanceName> {
  const name = instance ?? (await createInstance(root));
  await root.instances.claimLaunch(name, launch());
  await root.instances.markReady(name, { attempt: "one", appCycleAddress: "unix:/run/a.sock" });
  return name;
}

/** Every path below a directory but its locks, with what a link holds. */
export function paths(dir: string, below = ""): string[] {
  return readdirSync(join(dir, below))
    .filter((name) => below !== "" || !name.startsWith("lock-"))
    .sort()
    .flatMap((name) => {
      const path = join(below, name);
      const stat = lstatSync(join(dir, path));
      if (stat.isDirectory()) {
        return [`${path}/`, ...paths(dir, path)];
      }
      return [stat.isSymbolicLink() ? `${path} -> ${readlinkSync(join(dir, path))}` : path];
    });
}

/** Every file below a directory with its permissions and what is in it. */
export function files(dir: string): string[] {
  return paths(dir).map((path) => {
    const stat = lstatSync(join(dir, path.replace(/ -> .*/, "")));
    const mode = (stat.mode & 0o7777).toString(8);
    return stat.isFile()
      ? `${path} ${mode} ${JSON.stringify(readFileSync(join(dir, path), "latin1"))}`
      : `${path} ${mode}`;
  });
}

/** Who may do what with a directory: `710 0:1000`. */
export function access(path: string): string {
  const { mode, uid, gid } = lstatSync(path);
  return `${(mode & 0o7777).toString(8)} ${uid}:${gid}`;
}

/** Everything that a root says, for comparison. */
export async function view(root: Root, currentLink?: string): Promise<unknown> {
  const installations = [];
  for await (const installation of root.installations.list()) {
    const instances = [];
    if (installation.kind === "installation") {
      for await (const instance of root.instances.list(installation.name, { stopped: true })) {
        // What is remembered of the last process counts once the state says that it is over.
        const over = instance.kind === "instance" && ["suspended", "stopped"].includes(instance.state);
        const shown = over ? instance : { ...instance, lastExit: undefined };
        const dirs = instance.kind === "instance" ? [instance.dir, instance.rootDir, instance.logsDir] : [];
        instances.push(installation.account ? { ...shown, access: dirs.map(access) } : shown);
      }
    }
    const version = installation.kind === "installation" ? files(installation.versionDir) : [];
    const isOwn = installation.kind === "installation" && installation.account;
    const dirs = isOwn ? [installation.dir, dirname(installation.dir), join(installation.dir, "instances")] : [];
    installations.push({ ...installation, instances, version, access: dirs.map(access) });
  }
  const uninstalled = await Array.fromAsync(root.installations.uninstalled());
  const workspaces = await Array.fromAsync(root.manager.list());
  const current = currentLink === undefined ? undefined : await root.manager.current(currentLink);
  return { installations, uninstalled, workspaces, current, blob: await root.blobs.size(SHA256) };
}
