import { basename, dirname, join } from "node:path";
import {
  type Envelope,
  encodeEnvelope,
  formatName,
  type InstallationId,
  type InstallationName,
  isErrno,
  KeyedMutex,
  NodeError,
  newInstallationId,
  type Title,
} from "@nodemanager/core";
import type { BlobStore } from "./blob-store.ts";
import { boundedMap } from "./bounded-map.ts";
import type { LayoutContext } from "./context.ts";
import { corrupt, encodeDocument, readDocument } from "./document.ts";
import { titleDocument } from "./documents.ts";
import { exists } from "./exists.ts";
import { InstallationReader, required } from "./installation-reader.ts";
import {
  appDirName,
  CURRENT,
  INSTANCES,
  installationDir,
  UNINSTALLING,
  uninstalledDir,
  versionDirName,
} from "./paths.ts";
import type { BrokenRecord, InstallationRecord } from "./records.ts";
import { retire } from "./retire.ts";
import { StagedTree } from "./staged-tree.ts";

/** What an installation is made from. */
export interface InstallOptions {
  readonly title: Title;
  /** A new one unless given. */
  readonly id?: InstallationId | undefined;
  readonly envelope: Envelope;
  readonly origin: string;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly args?: readonly string[] | undefined;
  readonly requestId?: string | undefined;
  /** SHA-256 of a committed blob. */
  readonly binary: string;
}

/** The installations of a root. What a method acknowledges is durable. */
export class InstallationStore {
  readonly #context: LayoutContext;
  readonly #root: string;
  readonly #blobs: BlobStore;
  readonly #reader: InstallationReader;
  /** Held for an application's directory while it may appear or go. */
  readonly #applications = new KeyedMutex();
  /** Which request made which installation: since the root was opened, and as it was found then. */
  readonly #installedByRequest = new Map<string, InstallationName>();
  #requestsRead = false;

  constructor(context: LayoutContext, root: string, blobs: BlobStore) {
    this.#context = context;
    this.#root = root;
    this.#blobs = blobs;
    this.#reader = new InstallationReader(context, root);
  }

  /**
   * Makes an installation with its first version, out of sight, and lets it appear by one rename.
   *
   * @throws NodeError `BINARY_NOT_FOUND`, `SIZE_MISMATCH` when the blob is not there or not whole, `ALREADY_EXISTS` for a
   *   given id, `DISK_FULL`, `READ_ONLY`, `ROOT_NOT_WRITABLE`, `STORE_CORRUPT` when the application's directory belongs
   *   to another title. Nothing is visible then.
   */
  async install(o: InstallOptions): Promise<InstallationRecord> {
    const name: InstallationName = {
      kind: "installation",
      title: o.title,
      installation: o.id ?? newInstallationId(this.#context.random),
    };
    const installedAt = this.#context.clock.now();
    const version = versionDirName(1, installedAt);
    const dir = installationDir(this.#root, name);
    const env = o.env ?? {};
    const args = o.args ?? [];
    await this.#context.attempt(`installing ${o.title}`, async () => {
      await this.#checkBlob(o);
      const app = dirname(dir);
      using _ = await this.#applications.acquire(app);
      // The first one appears together with its application's directory, so that no empty one is ever left.
      const isFirst = !(await exists(this.#context, app));
      if (!isFirst) {
        await this.#checkTitle(app, o.title);
      }
      await using stage = await StagedTree.begin(this.#context, dirname(isFirst ? app : dir));
      if (isFirst) {
        await stage.file("title", encodeDocument({ title: o.title }));
        await stage.directory(basename(dir));
      }
      const inStage = (...path: string[]) => join(isFirst ? basename(dir) : "", ...path);
      const settings = { title: o.title, requestId: o.requestId, installedAt, env, args };
      await stage.file(inStage("settings.json"), encodeDocument(settings));
      await stage.emptyDirectory(inStage(INSTANCES));
      await stage.directory(inStage(version));
      await stage.file(inStage(version, "envelope.json"), encodeDocument(encodeEnvelope(o.envelope)));
      await stage.file(inStage(version, "origin.json"), encodeDocument({ origin: o.origin }));
      await stage.hardLink(inStage(version, "bin"), this.#blobs.path(o.binary));
      await stage.symlink(inStage(CURRENT), version);
      if (!(await stage.publish(isFirst ? app : dir))) {
        throw new NodeError("ALREADY_EXISTS", `there is an installation ${formatName(name)} already`);
      }
    });
    if (o.requestId !== undefined) {
      this.#installedByRequest.set(o.requestId, name);
    }
    return {
      kind: "installation",
      name,
      dir,
      state: "installed",
      versionDir: join(dir, version),
      envelope: o.envelope,
      origin: o.origin,
      env,
      args,
      requestId: o.requestId,
      installedAt,
    };
  }

  /** Every installation, or those of one application, also what cannot be read; in the order of the names on disk. */
  async *list(o: { title?: Title | undefined } = {}): AsyncIterable<InstallationRecord | BrokenRecord> {
    for (const app of o.title === undefined ? await this.#reader.applications() : [appDirName(o.title)]) {
      const found = await this.#reader.installations(app);
      yield* found.broken;
      yield* boundedMap(found.installations, (entry) => this.#reader.readListed(entry));
    }
  }

  /**
   * Reads one.
   *
   * @throws NodeError `INSTALLATION_NOT_FOUND`, `STORE_CORRUPT` with the metadata `file` and `field`
   */
  async read(name: InstallationName): Promise<InstallationRecord> {
    return await this.#context.attempt(`reading ${formatName(name)}`, () => this.#reader.read(name));
  }

  /** The installation that the call with this request id made, if it is still there. */
  async findByRequest(requestId: string): Promise<InstallationRecord | undefined> {
    // Read once, then kept: there is one manager a root, so every installation passes through here.
    if (!this.#requestsRead) {
      await this.#readRequests();
    }
    const name = this.#installedByRequest.get(requestId);
    if (!name) {
      return undefined;
    }
    try {
      return await this.read(name);
    } catch (error) {
      if (error instanceof NodeError && error.reason === "INSTALLATION_NOT_FOUND") {
        this.#installedByRequest.delete(requestId);
        return undefined;
      }
      throw error;
    }
  }

  /**
   * Claims the uninstallation: from now on nothing starts in it. Of several callers one wins.
   *
   * Order: the document that says who, durable; rename of `current` to `uninstalling`; fsync of the directory.
   *
   * @throws NodeError `INSTALLATION_UNINSTALLED` if it was claimed or done before, `INSTALLATION_NOT_FOUND`
   */
  async claimUninstall(name: InstallationName, o: { requestId?: string | undefined } = {}): Promise<void> {
    const dir = installationDir(this.#root, name);
    await this.#context.attempt(`uninstalling ${formatName(name)}`, async () => {
      using _ = await this.#applications.acquire(dir);
      if (!(await exists(this.#context, join(dir, CURRENT)))) {
        throw await this.missing(name);
      }
      await this.#reader.writeUninstall(dir, { at: this.#context.clock.now(), requestId: o.requestId });
      try {
        await this.#context.fs.rename(join(dir, CURRENT), join(dir, UNINSTALLING));
      } catch (error) {
        throw isErrno(error, "ENOENT") ? await this.missing(name) : error;
      }
      try {
        await this.#context.fs.syncDir(dir);
      } catch (error) {
        await this.#context.bestEffort("taking a claim back", () =>
          this.#context.fs.rename(join(dir, UNINSTALLING), join(dir, CURRENT)),
        );
        throw error;
      }
    });
  }

  /**
   * Ends a claimed uninstallation, once no process of it is left: the directory gets its other name.
   *
   * @throws NodeError `INSTALLATION_NOT_FOUND`, `OPERATION_IN_PROGRESS` when it was not claimed
   */
  async finishUninstall(name: InstallationName): Promise<void> {
    const dir = installationDir(this.#root, name);
    await this.#context.attempt(`uninstalling ${formatName(name)}`, async () => {
      if (!(await exists(this.#context, join(dir, UNINSTALLING)))) {
        throw (await exists(this.#context, dir))
          ? new NodeError("OPERATION_IN_PROGRESS", `${formatName(name)} is not claimed for uninstallation`)
          : await this.missing(name);
      }
      await this.#context.fs.rename(dir, uninstalledDir(this.#root, name));
      await this.#context.fs.syncDir(dirname(dir));
    });
  }

  /** The request id of the call that uninstalled it; undefined when it had none, or the installation is not there any more. */
  async uninstalledByRequest(name: InstallationName): Promise<string | undefined> {
    const dir = uninstalledDir(this.#root, name);
    return await this.#context.attempt(`reading ${formatName(name)}`, async () => {
      try {
        return (await this.#reader.readUninstall(dir)).requestId;
      } catch (error) {
        if (isErrno(error, "ENOENT", "ENOTDIR")) {
          return undefined;
        }
        throw error;
      }
    });
  }

  /**
   * Removes an installation, uninstalled or not, with everything in it. No process of it is left, says the caller.
   *
   * @throws NodeError `INSTALLATION_NOT_FOUND`
   */
  async retire(name: InstallationName): Promise<void> {
    await this.#context.attempt(`removing ${formatName(name)}`, async () => {
      for (const dir of [uninstalledDir(this.#root, name), installationDir(this.#root, name)]) {
        if (await exists(this.#context, dir)) {
          return await retire(this.#context, dir);
        }
      }
      throw notFound(name);
    });
  }

  /** Those that are uninstalled and not yet removed. */
  async *uninstalled(): AsyncIterable<InstallationName> {
    for (const app of await this.#reader.applications()) {
      yield* (await this.#reader.installations(app)).uninstalled;
    }
  }

  /** Removes the directories of applications that have no installation left; returns their paths. */
  async retireEmptyApplications(): Promise<string[]> {
    const removed: string[] = [];
    for (const app of await this.#reader.applications()) {
      const dir = join(this.#root, app);
      using _ = await this.#applications.acquire(dir);
      await this.#context.bestEffort(`removing the empty ${dir}`, async () => {
        const entries = await this.#context.fs.readdir(dir);
        if (entries.every((entry) => entry.name === "title")) {
          await retire(this.#context, dir);
          removed.push(dir);
        }
      });
    }
    return removed;
  }

  /** Why there is no `current`: the error that a caller gets. */
  async missing(name: Omit<InstallationName, "kind">): Promise<NodeError> {
    const dir = installationDir(this.#root, name);
    const uninstalled =
      (await exists(this.#context, join(dir, UNINSTALLING))) ||
      (await exists(this.#context, uninstalledDir(this.#root, name)));
    if (uninstalled) {
      const text = formatName({ ...name, kind: "installation" });
      return new NodeError("INSTALLATION_UNINSTALLED", `${text} is uninstalled`);
    }
    return (await exists(this.#context, dir)) ? corrupt(join(dir, CURRENT), "", "is missing") : notFound(name);
  }

  /** The version directory that new instances use. */
  async currentVersion(name: Omit<InstallationName, "kind">): Promise<string> {
    const version = await this.#reader.currentVersion(installationDir(this.#root, name));
    if (version === undefined) {
      throw await this.missing(name);
    }
    return version;
  }

  /** Forgets what is remembered of the disk, after everything was removed. */
  forget(): void {
    this.#installedByRequest.clear();
  }

  async #checkTitle(app: string, title: Title): Promise<void> {
    const file = join(app, "title");
    const found = (await required(file, readDocument(this.#context.fs, file, titleDocument))).value.title;
    if (found !== title) {
      throw corrupt(file, "title", `is ${JSON.stringify(found)}, not ${JSON.stringify(title)}`);
    }
  }

  async #checkBlob(o: InstallOptions): Promise<void> {
    const size = await this.#blobs.size(o.binary);
    if (size === undefined) {
      throw new NodeError("BINARY_NOT_FOUND", `binary ${o.binary} is not on this node`);
    }
    if (o.binary === o.envelope.binary.sha256 && size !== o.envelope.binary.sizeBytes) {
      throw new NodeError(
        "SIZE_MISMATCH",
        `binary ${o.binary} has ${size} bytes on this node instead of ${o.envelope.binary.sizeBytes}`,
      );
    }
  }

  async #readRequests(): Promise<void> {
    for await (const record of this.list()) {
      if (record.kind === "installation" && record.requestId !== undefined) {
        this.#installedByRequest.set(record.requestId, record.name);
      }
    }
    this.#requestsRead = true;
  }
}

function notFound(name: Omit<InstallationName, "kind">): NodeError {
  const text = formatName({ ...name, kind: "installation" });
  return new NodeError("INSTALLATION_NOT_FOUND", `there is no installation ${text}`);
}
