import { createHash } from "node:crypto";
import { closeSync, fstatSync, writeSync } from "node:fs";
import { type Logger, NodeError } from "@nodemanager/core";
import { Containment, closeInheritedDescriptors, isAlive, selfIdentity } from "@nodemanager/exec";
import { type FsOps, openRoot } from "@nodemanager/layout";
import { NodeManager, type SelfUpdateSetup } from "@nodemanager/manager";
import { appCycleClient, createCallbackListener, serveNode, trialClient } from "@nodemanager/rpc/server";
import { formatAddress } from "@nodemanager/transport";
import { checkServable, type RunningServer } from "@nodemanager/transport/server";
import { accountsFor } from "./accounts.ts";
import { EXIT } from "./exit-codes.ts";
import { nodeFacts, readProfiles } from "./node-facts.ts";
import type { SystemdNotifier } from "./sd-notify.ts";
import type { Settings } from "./settings.ts";
import { prepareSocketDirs } from "./sockets.ts";
import { joinTrial } from "./trial-child.ts";
import { version } from "./version.ts";

/** Calls that are still under way when everything else has ended get this long. */
const DRAIN_MS = 2000;
const TRIAL_TIMEOUT_MS = 40_000;
const HEALTHY_AFTER_MS = 5000;
const HEALTHY_WITHIN_MS = 60_000;
const STDERR = 2;

/** What a manager knows of itself as a program. */
export interface OwnProgram {
  /** The one file that runs; nothing when it is several. */
  readonly programFile: string | undefined;
  /** What the workspace of the next version is to say. */
  readonly handedOn: Readonly<Record<string, unknown>>;
  /** What the next version would be started with. */
  readonly environment: Readonly<Record<string, string>>;
  /** Whether another manager tries this one: it tells that one that it serves. */
  readonly isTrial: boolean;
}

export interface DaemonOptions {
  readonly settings: Settings;
  readonly logger: Logger;
  readonly uid: number;
  /** Aborts to shut down in order. */
  readonly shutdown: AbortSignal;
  readonly own: OwnProgram;
  /** Hears when it serves and when it is on its way down. */
  readonly notifier?: SystemdNotifier | undefined;
  /** How the root is read and changed; a seam for tests, which kill the manager between two of its steps. */
  readonly fs?: FsOps | undefined;
}

/**
 * Runs the manager until it is shut down, by the signal or by a call: locks the root, recovers, serves, says so on the
 * ready descriptor and to systemd, and in the end suspends what its policy says.
 *
 * @returns whether it is to be started again, because it has moved to another version of itself
 * @throws NodeError for everything that keeps it from serving; nothing is left behind then
 */
export async function runDaemon(o: DaemonOptions): Promise<"done" | "restart"> {
  const { settings, logger, own } = o;
  checkReadyFd(settings.readyFd);
  const trial = own.isTrial ? await joinTrial() : undefined;
  closeInheritedDescriptors({
    keep: new Set([...(settings.readyFd === undefined ? [] : [settings.readyFd]), ...(trial?.descriptors ?? [])]),
  });
  await readProfiles(settings.profilesFile);
  await prepareSocketDirs(settings.listen, o.uid);
  const accounts = accountsFor(settings, o.uid, logger);
  const passable = accounts.pool.kind === "range";
  const root = await openRoot(settings.root, { self: selfIdentity(), isAlive, passable, logger, fs: o.fs });
  // Its control group goes when nothing of ours runs any more.
  await using cleanup = new AsyncDisposableStack();
  let manager: NodeManager;
  let containment: Containment;
  try {
    // Before anything is recovered: what cannot be served must not start and suspend applications again and again.
    await checkServable({ listen: settings.listen, tls: serverTls(settings) });
    // On trial it runs nothing, and is in a control group of somebody else.
    containment = cleanup.use(
      trial ? Containment.none() : await Containment.detect({ name: containmentName(settings.root) }),
    );
    manager = await NodeManager.open({
      root,
      version,
      node: nodeFacts(settings.profilesFile),
      containment,
      callbacks: createCallbackListener({ logger }),
      appCycle: appCycleClient,
      accounts,
      // Most of the time nothing is installed, and its clients need not be in memory.
      openRepository: async (address) => {
        const { openRepository } = await import("@nodemanager/repository");
        return await openRepository(address, { tls: repositoryTls(settings) });
      },
      shutdownPolicy: settings.shutdownPolicy,
      maxBinaryBytes: settings.maxBinaryBytes,
      maxPackageBytes: settings.maxPackageBytes,
      keepVersions: settings.keepVersions,
      transfer: settings.repositoryStallMs === undefined ? undefined : { stallMs: settings.repositoryStallMs },
      selfUpdate: selfUpdateSetup(settings, own),
      logger,
    });
  } catch (error) {
    await root[Symbol.asyncDispose]();
    throw error;
  }
  let server: RunningServer;
  try {
    server = await serveNode({ manager, listen: settings.listen, tls: serverTls(settings), logger });
  } catch (error) {
    await shutDown(manager, logger);
    throw error;
  }
  const addresses = server.addresses.map(formatAddress);
  logger.info("serving", { version, addresses, root: settings.root, shutdownPolicy: settings.shutdownPolicy });
  announce(settings.readyFd, logger);
  manager.serves();
  const [address] = addresses;
  if (trial && address !== undefined) {
    await trial.serves(address);
  }
  o.notifier?.ready(`serving ${addresses.join(", ")}`);
  void containment.prepare();
  void manager.recovered().then(() => logger.info("recovered", {}));
  const onClosing = () => {
    server.setServing(false);
    o.notifier?.stopping("shutting down");
  };
  manager.closing.addEventListener("abort", onClosing, { once: true });
  const onSignal = () => void shutDown(manager, logger);
  o.shutdown.addEventListener("abort", onSignal, { once: true });
  if (o.shutdown.aborted) {
    onSignal();
  }
  await manager.closed;
  await server.close({ graceMs: DRAIN_MS });
  logger.info("ended", {});
  return manager.isToRestart ? "restart" : "done";
}

function selfUpdateSetup(settings: Settings, own: OwnProgram): SelfUpdateSetup {
  return {
    origin: settings.origin,
    currentLink: settings.currentLink,
    programFile: own.programFile,
    settings: own.handedOn,
    environment: own.environment,
    trialClient,
    restartStatus: EXIT.restart,
    trialTimeoutMs: settings.trialTimeoutMs ?? TRIAL_TIMEOUT_MS,
    healthyAfterMs: settings.healthyAfterMs ?? HEALTHY_AFTER_MS,
    healthyWithinMs: settings.healthyWithinMs ?? HEALTHY_WITHIN_MS,
  };
}

async function shutDown(manager: NodeManager, logger: Logger): Promise<void> {
  logger.info("shutting down", {});
  try {
    for await (const event of manager.shutdown()) {
      if (event.kind === "error") {
        logger.error("an instance could not be suspended", { instance: event.name, error: event.error });
      }
    }
  } catch (error) {
    // A call was faster; it is waited for all the same.
    logger.debug("a shutdown is under way already", { error });
  }
}

/**
 * Tells whoever started us that we serve, the way s6 and others understand. Then the descriptor is closed, or every
 * application would inherit it.
 */
function announce(fd: number | undefined, logger: Logger): void {
  if (fd === undefined) {
    return;
  }
  try {
    writeSync(fd, "\n");
  } catch (error) {
    // Whoever asked to be told has gone; what is served does not depend on it.
    logger.warn("nobody reads on the ready descriptor", { fd, error });
  }
  if (fd > STDERR) {
    closeSync(fd);
  }
}

function checkReadyFd(fd: number | undefined): void {
  try {
    if (fd !== undefined) {
      fstatSync(fd);
    }
  } catch (error) {
    throw new NodeError("INVALID_CONFIG", `--ready-fd: descriptor ${fd} is not open`, { cause: error });
  }
}

/** The same at every start with this root, and another one for another root. */
function containmentName(root: string): string {
  return `noded-${createHash("sha256").update(root).digest("hex").slice(0, 12)}`;
}

function serverTls(settings: Settings) {
  const { tlsCert, tlsKey, clientCa } = settings;
  return tlsCert && tlsKey && clientCa ? { certFile: tlsCert, keyFile: tlsKey, clientCaFile: clientCa } : undefined;
}

function repositoryTls(settings: Settings) {
  const { repositoryCa, repositoryCert, repositoryKey } = settings;
  return repositoryCa ? { caFile: repositoryCa, certFile: repositoryCert, keyFile: repositoryKey } : undefined;
}
