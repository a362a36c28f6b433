import { gzipSync } from "node:zlib";
import { type Account, newInstallationId, newInstanceId } from "@nodemanager/core";
import type { Root } from "@nodemanager/layout";
import { tarOf } from "@nodemanager/testing";
import { ACCOUNT, envelope, launch, packageOf, putBinary, putPackage, runInstance, SHA256, TITLE } from "./fixture.ts";

/** One operation of a store, with what is there before. */
export interface Scenario {
  readonly name: string;
  readonly prepare?: (root: Root, currentLink: string) => Promise<unknown>;
  readonly run: (root: Root, currentLink: string) => Promise<unknown>;
  /** A claim: acknowledged, it survives the manager and need not survive the power. */
  readonly isClaim?: boolean;
  /** Whether even the names of all files must be the old or the new ones. */
  readonly exact?: boolean;
}

const AT = new Date("2026-11-22T11:00:00Z");
const LAST_EXIT = { exit: { kind: "code", code: 3 }, at: AT, lastLines: "bye" } as const;
const SUSPENSION = { by: "operator", why: "asked", at: AT } as const;
// The same in every run of a scenario.
const INSTALLATION = newInstallationId(() => new Uint8Array(16).fill(1));
const OTHER_INSTALLATION = newInstallationId(() => new Uint8Array(16).fill(2));
const INSTANCE = newInstanceId(() => new Uint8Array(16).fill(3));
const INSTALLATION_NAME = { kind: "installation", title: TITLE, installation: INSTALLATION } as const;
const NAME = { ...INSTALLATION_NAME, kind: "instance", instance: INSTANCE } as const;

const ARCHIVE = gzipSync(
  tarOf(
    { name: "bin/run", mode: 0o755, content: "#!/bin/sh\n" },
    { name: "data/empty/", type: "5" },
    { name: "data/text", content: "text".repeat(300) },
  ),
);
const CONFIG = Buffer.from("colour=red\n");

async function withBlobs(root: Root): Promise<void> {
  await putPackage(root, ARCHIVE);
  await putPackage(root, CONFIG);
}
async function installed(root: Root, id = INSTALLATION, account?: Account): Promise<unknown> {
  return await root.installations.install({
    title: TITLE,
    id,
    account,
    envelope: envelope(),
    origin: "file:/repository/redis",
  });
}
async function withPackages(root: Root): Promise<unknown> {
  const packages = {
    app: packageOf(ARCHIVE, "tar.gz"),
    config: packageOf(CONFIG, "file"),
  };
  const { binary: _, ...rest } = envelope();
  return await root.installations.install({
    title: TITLE,
    id: INSTALLATION,
    envelope: { ...rest, command: "app/bin/run", packages: { app: packages.app } },
    packages: { config: packages.config },
    origin: "file:/repository/redis",
  });
}
async function created(root: Root): Promise<void> {
  await putBinary(root);
  await installed(root);
  await root.instances.create(INSTALLATION_NAME, { id: INSTANCE });
}
async function starting(root: Root): Promise<void> {
  await created(root);
  await root.instances.claimLaunch(NAME, launch());
}
async function running(root: Root): Promise<void> {
  await created(root);
  await runInstance(root, NAME);
}
async function updated(root: Root, from?: string): Promise<string> {
  const { versionDir } = await root.installations.read(INSTALLATION_NAME);
  const origin = "file:/repository/redis";
  const version = { envelope: envelope(), origin, from: from ?? versionDir, requestId: "r" };
  return (await root.installations.versions.add(INSTALLATION_NAME, version)).dir;
}
async function movable(root: Root): Promise<void> {
  await suspending(root);
  await root.instances.finishSuspend(NAME, {});
  await updated(root);
}
async function onTrial(root: Root): Promise<void> {
  await movable(root);
  await moved(root, true);
}
async function moved(root: Root, trial: boolean): Promise<void> {
  const to = await root.installations.currentVersion(INSTALLATION_NAME);
  await root.instances.moves.move(NAME, { to, requestId: "r", trial });
}
async function suspending(root: Root): Promise<void> {
  await running(root);
  await root.instances.claimSuspend(NAME);
}
async function stopping(root: Root): Promise<void> {
  await running(root);
  await root.instances.claimStop(NAME);
}
async function stopped(root: Root): Promise<void> {
  await stopping(root);
  await root.instances.finishStop(NAME);
}
async function uninstalling(root: Root): Promise<void> {
  await stopped(root);
  await root.installations.claimUninstall(INSTALLATION_NAME);
}
const MOVE = {
  kind: "update",
  from: "0001-20261122T091500Z",
  fromVersion: "1.0.0",
  to: "0002-20261122T091500Z",
  toVersion: "2.0.0",
  at: AT,
} as const;
async function workspace(root: Root, previous?: string): Promise<string> {
  const binary = root.blobs.path(SHA256);
  const staged = { binary, script: "#!/bin/sh\n", settings: { a: 1 }, envelope: { title: "node manager" }, previous };
  return (await root.manager.stage(staged)).version;
}

export const scenarios: readonly Scenario[] = [
  { name: "blobs.commit", run: putBinary, exact: true },
  { name: "blobs.retire", prepare: putBinary, run: (root) => root.blobs.retire(SHA256), exact: true },
  { name: "installations.install, the first", prepare: putBinary, run: (root) => installed(root), exact: true },
  {
    name: "installations.install, a further one",
    prepare: created,
    run: (root) => installed(root, OTHER_INSTALLATION),
    exact: true,
  },
  { name: "installations.install, with packages", prepare: withBlobs, run: withPackages, exact: true },
  { name: "versions.add", prepare: created, run: (root) => updated(root) },
  {
    name: "versions.switchTo",
    prepare: movable,
    async run(root) {
      const from = await root.installations.currentVersion(INSTALLATION_NAME);
      const to = (await root.installations.versions.previous(from)) ?? "";
      await root.installations.versions.switchTo(INSTALLATION_NAME, { from, to });
    },
  },
  {
    name: "versions.collect",
    async prepare(root) {
      await putBinary(root);
      await installed(root);
      await updated(root);
      await updated(root);
    },
    run: (root) => root.installations.versions.collect(INSTALLATION_NAME, { keep: 1 }),
    exact: true,
  },
  {
    name: "installations.install, the first, with an account",
    prepare: putBinary,
    run: (root) => installed(root, INSTALLATION, ACCOUNT),
    exact: true,
  },
  {
    name: "installations.install, a further one, with an account",
    prepare: created,
    run: (root) => installed(root, OTHER_INSTALLATION, ACCOUNT),
    exact: true,
  },
  {
    name: "installations.claimUninstall",
    prepare: stopped,
    run: (root) => root.installations.claimUninstall(INSTALLATION_NAME),
  },
  {
    name: "installations.finishUninstall",
    prepare: uninstalling,
    run: (root) => root.installations.finishUninstall(INSTALLATION_NAME),
    exact: true,
  },
  {
    name: "installations.retire",
    prepare: async (root) => {
      await created(root);
      await installed(root, OTHER_INSTALLATION);
    },
    run: (root) => root.installations.retire(INSTALLATION_NAME),
    exact: true,
  },
  {
    name: "instances.create",
    prepare: async (root) => {
      await putBinary(root);
      await installed(root);
    },
    run: (root) => root.instances.create(INSTALLATION_NAME, { id: INSTANCE }),
    exact: true,
  },
  {
    name: "instances.create, with an account",
    prepare: async (root) => {
      await putBinary(root);
      await installed(root, INSTALLATION, ACCOUNT);
    },
    run: (root) => root.instances.create(INSTALLATION_NAME, { id: INSTANCE }),
    exact: true,
  },
  {
    name: "instances.claimLaunch",
    prepare: created,
    run: (root) => root.instances.claimLaunch(NAME, launch()),
    exact: true,
    isClaim: true,
  },
  { name: "instances.markReady", prepare: starting, run: (root) => root.instances.markReady(NAME, { attempt: "one" }) },
  {
    name: "instances.claimSuspend",
    prepare: running,
    run: (root) => root.instances.claimSuspend(NAME),
    exact: true,
    isClaim: true,
  },
  {
    name: "instances.finishSuspend",
    prepare: suspending,
    run: (root) => root.instances.finishSuspend(NAME, { suspension: SUSPENSION, lastExit: LAST_EXIT }),
  },
  {
    name: "instances.finishSuspend, to be resumed",
    prepare: suspending,
    run: (root) => root.instances.finishSuspend(NAME, { lastExit: LAST_EXIT }),
  },
  {
    name: "instances.claimStop of a running one",
    prepare: running,
    run: (root) => root.instances.claimStop(NAME),
    isClaim: true,
  },
  {
    name: "instances.claimStop of a suspended one",
    prepare: created,
    run: (root) => root.instances.claimStop(NAME),
    isClaim: true,
  },
  {
    name: "instances.finishStop",
    prepare: stopping,
    run: (root) => root.instances.finishStop(NAME, { lastExit: LAST_EXIT, requestId: "r" }),
  },
  { name: "instances.setSuspension", prepare: created, run: (root) => root.instances.setSuspension(NAME, SUSPENSION) },
  {
    name: "instances.setSuspension to none",
    prepare: created,
    run: (root) => root.instances.setSuspension(NAME, undefined),
    exact: true,
  },
  { name: "moves.move", prepare: movable, run: (root) => moved(root, false) },
  { name: "moves.move, on trial", prepare: movable, run: (root) => moved(root, true) },
  { name: "moves.keep", prepare: onTrial, run: (root) => root.instances.moves.keep(NAME), exact: true },
  { name: "moves.goBack", prepare: onTrial, run: (root) => root.instances.moves.goBack(NAME) },
  { name: "instances.retire", prepare: stopped, run: (root) => root.instances.retire(NAME), exact: true },
  { name: "manager.stage", prepare: putBinary, run: (root) => workspace(root), exact: true },
  {
    name: "manager.switchTo",
    prepare: async (root, link) => {
      await putBinary(root);
      const first = await workspace(root);
      await root.manager.switchTo(link, first);
      await workspace(root, first);
    },
    run: async (root, link) => {
      const versions = await Array.fromAsync(root.manager.list());
      const last = versions.at(-1);
      await root.manager.switchTo(link, last?.kind === "workspace" ? last.version : "");
    },
  },
  {
    name: "manager.markHealthy",
    prepare: async (root) => {
      await putBinary(root);
      await workspace(root);
    },
    run: async (root) => {
      for await (const found of root.manager.list()) {
        await root.manager.markHealthy(found.kind === "workspace" ? found.version : "");
      }
    },
    exact: true,
  },
  {
    name: "manager.noteTrial",
    prepare: async (root) => {
      await putBinary(root);
      await workspace(root);
    },
    run: async (root) => {
      for await (const found of root.manager.list()) {
        const { process } = launch();
        await root.manager.noteTrial(found.kind === "workspace" ? found.version : "", { process, launchId: "one" });
      }
    },
    exact: true,
  },
  { name: "manager.noteMove", run: (root) => root.manager.noteMove(MOVE), exact: true },
  {
    name: "manager.noteMove over another",
    prepare: (root) => root.manager.noteMove(MOVE),
    run: (root) => root.manager.noteMove({ ...MOVE, kind: "revert", requestId: "r" }),
  },
  {
    name: "manager.forgetMove",
    prepare: (root) => root.manager.noteMove(MOVE),
    run: (root) => root.manager.forgetMove(),
    exact: true,
  },
];
