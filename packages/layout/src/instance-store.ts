import { basename, dirname, join } from "node:path";
import {
  formatName,
  hasReason,
  type InstallationName,
  type InstanceId,
  type InstanceName,
  isErrno,
  NodeError,
  newInstanceId,
} from "@nodemanager/core";
import { boundedMap } from "./bounded-map.ts";
import { buildInstance } from "./build-instance.ts";
import type { LayoutContext } from "./context.ts";
import { corrupt, encodeDocument, readDocument, rewriteDocument } from "./document.ts";
import { suspensionDocument } from "./documents.ts";
import { exists } from "./exists.ts";
import type { InstallationStore } from "./installation-store.ts";
import { type ClaimedLaunch, type Ending, InstanceClaims } from "./instance-claims.ts";
import { InstanceMoves } from "./instance-moves.ts";
import { InstanceReader, SUSPENDED } from "./instance-reader.ts";
import { linkPackages } from "./packages-link.ts";
import { INSTANCES, installationDir, instanceDir, parseInstanceDirName, stoppedInstanceDir } from "./paths.ts";
import type { BrokenRecord, InstanceRecord, LastExit, Launch, Suspension } from "./records.ts";
import { retire } from "./retire.ts";
import { VersionReader, type VersionRecord } from "./version-reader.ts";
import type { VersionTurns } from "./version-turns.ts";
import { replaceFile, unlinkIfThere } from "./write-atomic.ts";

/** The instances of a root; see {@link InstanceClaims} for the transitions and what is durable when. */
export class InstanceStore {
  readonly moves: InstanceMoves;
  readonly #context: LayoutContext;
  readonly #root: string;
  readonly #installations: InstallationStore;
  readonly #versions: VersionReader;
  readonly #reader: InstanceReader;
  readonly #claims: InstanceClaims;
  readonly #turns: VersionTurns;

  constructor(context: LayoutContext, root: string, installations: InstallationStore, turns: VersionTurns) {
    this.#context = context;
    this.#root = root;
    this.#installations = installations;
    this.#versions = new VersionReader(context);
    this.#reader = new InstanceReader(context, root);
    this.#claims = new InstanceClaims(context, root, this.#reader, installations);
    this.#turns = turns;
    this.moves = new InstanceMoves(context, root, { reader: this.#reader, claims: this.#claims, turns });
  }

  /**
   * Makes an instance that pins the installation's current version, suspended because it never ran.
   *
   * @param o.durable - false: a power cut before the next durable transition (`markReady`, `finishSuspend`,
   *   `finishStop`, `setSuspension`) may undo the whole creation, never a part of it. For who acknowledges nothing before
   *   that.
   * @throws NodeError `INSTALLATION_UNINSTALLED`, `INSTALLATION_NOT_FOUND`, `ALREADY_EXISTS` for a given id, `DISK_FULL`,
   *   `READ_ONLY`. Nothing is visible then.
   */
  async create(
    installation: InstallationName,
    o: { id?: InstanceId | undefined; requestId?: string | undefined; durable?: boolean | undefined } = {},
  ): Promise<InstanceRecord> {
    const { title, installation: installationId } = installation;
    const instance = o.id ?? newInstanceId(this.#context.random);
    const name: InstanceName = { kind: "instance", title, installation: installationId, instance };
    return await this.#context.attempt(`creating an instance of ${formatName(installation)}`, async () => {
      const dir = instanceDir(this.#root, name);
      const createdAt = this.#context.clock.now();
      const suspension: Suspension = { by: "manager", why: "never started", at: createdAt, requestId: o.requestId };
      using _ = this.#turns.pin(installationDir(this.#root, installation));
      const versionDir = await this.#installations.currentVersion(installation);
      const account = await this.#installations.account(installation);
      const { durable = true, requestId } = o;
      // An uninstall that came first must find either no instance or this one, never miss it.
      const confirm = async () => void (await this.#installations.currentVersion(installation));
      const content = { createdAt, requestId, suspension, version: basename(versionDir), account };
      const published = await buildInstance(this.#context, dir, content, { durable, confirm }).catch(async (error) => {
        if (isErrno(error, "ENOENT")) {
          await confirm();
          throw corrupt(dirname(dir), "", "is missing", error);
        }
        throw error;
      });
      if (!published) {
        throw new NodeError("ALREADY_EXISTS", `there is an instance ${formatName(name)} already`);
      }
      if (!durable) {
        this.#claims.unsettle(dir);
      }
      const places = { dir, rootDir: join(dir, "root"), logsDir: join(dir, "logs"), versionDir };
      return { kind: "instance", name, ...places, createdAt, requestId, state: "suspended", suspension };
    });
  }

  /** The instances of an installation, also what cannot be read; with `stopped` also those that ended. */
  async *list(
    installation: InstallationName,
    o: { stopped?: boolean | undefined } = {},
  ): AsyncIterable<InstanceRecord | BrokenRecord> {
    const { title, installation: installationId } = installation;
    const ids = new Set<InstanceId>();
    for (const entry of await this.#entries(installation)) {
      const parsed = parseInstanceDirName(entry);
      if (parsed && (!parsed.stopped || o.stopped)) {
        ids.add(parsed.id);
      }
    }
    const names = [...ids].map(
      (instance): InstanceName => ({ kind: "instance", title, installation: installationId, instance }),
    );
    for await (const record of boundedMap(names, (name) => this.#reader.readListed(name))) {
      if (record) {
        yield record;
      }
    }
  }

  /**
   * Reads one, also a stopped one.
   *
   * @throws NodeError `INSTANCE_NOT_FOUND`, `STORE_CORRUPT` with the metadata `file` and `field`
   */
  async read(name: InstanceName): Promise<InstanceRecord> {
    return await this.#context.attempt(`reading ${formatName(name)}`, () => this.#reader.read(name));
  }

  /**
   * The version that an instance pins.
   *
   * @throws NodeError `STORE_CORRUPT`
   */
  async version(record: InstanceRecord): Promise<VersionRecord> {
    return await this.#context.attempt(`reading the version of ${formatName(record.name)}`, () =>
      this.#versions.read(record.versionDir),
    );
  }

  /**
   * Lets the application find the packages of the version that it runs as `packages` in its workspace.
   *
   * @throws NodeError `DISK_FULL`, `READ_ONLY`, `ROOT_NOT_WRITABLE`
   */
  async linkPackages(record: InstanceRecord): Promise<void> {
    await this.#context.attempt(`linking the packages of ${formatName(record.name)}`, () =>
      linkPackages(this.#context, record.rootDir),
    );
  }

  /**
   * Claims the right to run the instance. The process exists by then, held at its gate; when this returns, whoever
   * opens the root after us finds its identity, and the gate may be opened. Of several callers one wins.
   *
   * @throws NodeError `INSTANCE_RUNNING`, `OPERATION_IN_PROGRESS` while it is being suspended or stopped,
   *   `INSTANCE_NOT_FOUND`, `INSTALLATION_UNINSTALLED`. The state is what it was then.
   */
  async claimLaunch(name: InstanceName, launch: Launch): Promise<void> {
    await this.#claims.launch(name, launch);
  }

  /**
   * Starting becomes running, and the instance will be resumed at start-up.
   *
   * @throws NodeError `OPERATION_IN_PROGRESS` if the claim was taken over meanwhile, `INSTANCE_NOT_FOUND`
   */
  async markReady(
    name: InstanceName,
    o: { attempt: string; appCycleAddress?: string | undefined; at?: Date | undefined },
  ): Promise<void> {
    const { attempt, appCycleAddress, at = this.#context.clock.now() } = o;
    await this.#claims.ready(name, { attempt, at, appCycleAddress });
  }

  /**
   * Claims to suspend a starting or running instance, or to tidy up after a process that ended on its own.
   *
   * @param attempt - only that launch
   * @returns the launch whose process has to end
   * @throws NodeError `INSTANCE_NOT_RUNNING`, `OPERATION_IN_PROGRESS`, `INSTANCE_NOT_FOUND`
   */
  async claimSuspend(name: InstanceName, attempt?: string): Promise<ClaimedLaunch> {
    return await this.#claims.suspend(name, attempt);
  }

  /**
   * Gives a claim to suspend back before the process is ended: suspending becomes starting or running again.
   *
   * @throws NodeError `INSTANCE_NOT_RUNNING` if it is not being suspended, `INSTANCE_NOT_FOUND`
   */
  async unclaimSuspend(name: InstanceName): Promise<void> {
    await this.#claims.unclaimSuspend(name);
  }

  /**
   * Suspending becomes suspended, once the process is gone. Without `suspension` it is resumed at the next start-up.
   *
   * @throws NodeError `INSTANCE_NOT_RUNNING` if it is not being suspended, `INSTANCE_NOT_FOUND`
   */
  async finishSuspend(name: InstanceName, o: Ending = {}): Promise<void> {
    await this.#claims.finishSuspend(name, o);
  }

  /**
   * Claims to stop an instance for good, running or not; from now on nothing launches it.
   *
   * @returns the launch whose process has to end, if there is one
   * @throws NodeError `OPERATION_IN_PROGRESS` while it is being suspended or stopped, `INSTANCE_NOT_FOUND`
   */
  async claimStop(name: InstanceName): Promise<ClaimedLaunch | undefined> {
    return await this.#claims.stop(name);
  }

  /**
   * Stopping becomes stopped, once the process is gone: the directory gets its other name.
   *
   * @throws NodeError `OPERATION_IN_PROGRESS` if it was not claimed, `INSTANCE_NOT_FOUND`
   */
  async finishStop(
    name: InstanceName,
    o: { requestId?: string | undefined; lastExit?: LastExit | undefined } = {},
  ): Promise<void> {
    const stopped = { at: this.#context.clock.now(), requestId: o.requestId };
    await this.#claims.finishStop(name, stopped, o.lastExit);
  }

  /**
   * Says whether a suspended instance is resumed at start-up.
   *
   * @throws NodeError `INSTANCE_NOT_FOUND`
   */
  async setSuspension(name: InstanceName, suspension: Suspension | undefined): Promise<void> {
    await this.#claims.inTurn(name, async (dir) => {
      const names = await this.#reader.names(dir);
      if (!names) {
        throw new NodeError("INSTANCE_NOT_FOUND", `there is no instance ${formatName(name)}`);
      }
      const file = join(dir, SUSPENDED);
      if (suspension) {
        const bytes = names.has(SUSPENDED)
          ? rewriteDocument(
              await readDocument(this.#context.fs, file, suspensionDocument),
              suspensionDocument,
              suspension,
            )
          : encodeDocument(suspension);
        await replaceFile(this.#context, file, bytes);
      } else {
        await unlinkIfThere(this.#context, file);
      }
      await this.#claims.settle(dir);
    });
  }

  /**
   * Removes an instance with its workspace: a stopped one, a suspended one, or one that cannot be read.
   *
   * @throws NodeError `INSTANCE_RUNNING` while a process may belong to it, `INSTANCE_NOT_FOUND`
   */
  async retire(name: InstanceName): Promise<void> {
    await this.#claims.inTurn(name, async (dir) => {
      const stoppedDir = stoppedInstanceDir(this.#root, name);
      if (await exists(this.#context, stoppedDir)) {
        return await retire(this.#context, stoppedDir);
      }
      const record = await this.#readable(name);
      if (record && record.state !== "suspended") {
        throw new NodeError("INSTANCE_RUNNING", `${formatName(name)} is ${record.state}; stop it first`);
      }
      await retire(this.#context, dir);
    });
  }

  /** The record, undefined if it cannot be read. */
  async #readable(name: InstanceName): Promise<InstanceRecord | undefined> {
    try {
      return await this.#reader.read(name);
    } catch (error) {
      if (hasReason(error, "STORE_CORRUPT")) {
        return undefined;
      }
      throw error;
    }
  }

  async #entries(installation: InstallationName): Promise<string[]> {
    const dir = join(installationDir(this.#root, installation), INSTANCES);
    return await this.#context.attempt(`listing ${formatName(installation)}`, async () => {
      try {
        return (await this.#context.fs.readdir(dir)).map((entry) => entry.name).sort();
      } catch (error) {
        if (isErrno(error, "ENOENT")) {
          return [];
        }
        throw isErrno(error, "ENOTDIR") ? corrupt(dir, "", "is not a directory", error) : error;
      }
    });
  }
}
