import { dirname, join } from "node:path";
import {
  type Account,
  type AccountRange,
  type Envelope,
  formatName,
  type InstallationId,
  type InstallationName,
  KeyedMutex,
  NodeError,
  newInstallationId,
  type PackageRef,
  type Title,
} from "@nodemanager/core";
import { AccountPool, type ReservedAccount } from "./account-pool.ts";
import { ApplicationReader } from "./application-reader.ts";
import type { BlobStore } from "./blob-store.ts";
import { boundedMap } from "./bounded-map.ts";
import { buildInstallation } from "./build-installation.ts";
import { type BuildOptions, requireBlobs } from "./build-version.ts";
import type { LayoutContext } from "./context.ts";
import { exists } from "./exists.ts";
import { InstallationReader } from "./installation-reader.ts";
import { appDirName, installationDir, uninstalledDir, versionDirName } from "./paths.ts";
import type { BrokenRecord, InstallationRecord } from "./records.ts";
import { RequestIndex } from "./request-index.ts";
import { retire } from "./retire.ts";
import { notFound, Uninstallation } from "./uninstallation.ts";
import { VersionStore } from "./version-store.ts";
import type { VersionTurns } from "./version-turns.ts";

/** What an installation is made from. */
export interface InstallOptions {
  readonly title: Title;
  /** A new one unless given. */
  readonly id?: InstallationId | undefined;
  readonly envelope: Envelope;
  readonly origin: string;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly args?: readonly string[] | undefined;
  /** Win over the envelope's of the same name. */
  readonly packages?: Readonly<Record<string, PackageRef>> | undefined;
  readonly build?: BuildOptions | undefined;
  /** Under whom its instances run; the manager's own user unless given. Only root can make anybody else the owner. */
  readonly account?: Account | undefined;
  readonly requestId?: string | undefined;
}

/** The installations of a root. What a method acknowledges is durable. */
export class InstallationStore {
  readonly versions: VersionStore;
  readonly #context: LayoutContext;
  readonly #root: string;
  readonly #blobs: BlobStore;
  readonly #reader: InstallationReader;
  readonly #apps: ApplicationReader;
  /** Held for an application's directory while it may appear or go. */
  readonly #applications = new KeyedMutex();
  readonly #uninstallation: Uninstallation;
  readonly #requests = new RequestIndex();
  readonly #accounts: AccountPool;

  constructor(context: LayoutContext, root: string, blobs: BlobStore, turns: VersionTurns) {
    this.#context = context;
    this.#root = root;
    this.#blobs = blobs;
    this.#reader = new InstallationReader(context, root);
    this.#apps = new ApplicationReader(context, root);
    this.#uninstallation = new Uninstallation(context, root, turns);
    this.versions = new VersionStore(context, root, { blobs, turns, installations: this });
    this.#accounts = new AccountPool(context, root);
  }

  /**
   * Reserves an account that no installation has, and no file of one that is still on disk.
   *
   * @throws NodeError `ACCOUNTS_EXHAUSTED`
   */
  async reserveAccount(range: AccountRange): Promise<ReservedAccount> {
    return await this.#accounts.reserve(range);
  }

  /**
   * Makes an installation with its first version, out of sight, and lets it appear by one rename.
   *
   * @throws NodeError `BINARY_NOT_FOUND`, `SIZE_MISMATCH` when the blob is not there or not whole, `ALREADY_EXISTS` for a
   *   given id, `INVALID_ARGUMENT` when settings or envelope are longer than a document may be, `INVALID_PACKAGE`,
   *   `TOO_LARGE` for a package, `CANCELLED`, what `build.checkProgram` throws, `DISK_FULL`, `READ_ONLY`,
   *   `ROOT_NOT_WRITABLE`, `STORE_CORRUPT` when the application's directory belongs to another title. Nothing is visible
   *   then.
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
      await requireBlobs(this.#blobs, o);
      using _ = await this.#applications.acquire(dirname(dir));
      const content = { ...o, env, args, installedAt, version };
      if (!(await buildInstallation(this.#context, dir, content, this.#blobs))) {
        throw new NodeError("ALREADY_EXISTS", `there is an installation ${formatName(name)} already`);
      }
    });
    if (o.requestId !== undefined) {
      this.#requests.add(o.requestId, name);
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
      packages: o.packages ?? {},
      account: o.account,
      requestId: o.requestId,
      installedAt,
    };
  }

  /** Every installation, or those of one application, also what cannot be read; in the order of the names on disk. */
  async *list(o: { title?: Title | undefined } = {}): AsyncIterable<InstallationRecord | BrokenRecord> {
    for (const app of o.title === undefined ? await this.#apps.applications() : [appDirName(o.title)]) {
      const found = await this.#apps.installations(app);
      yield* found.broken;
      yield* boundedMap(found.installations, (name) => this.#reader.readListed(name));
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
    return await this.#requests.find(
      requestId,
      () => this.list(),
      (name) => this.read(name),
    );
  }

  /**
   * Claims the uninstallation: from now on nothing starts in it. Of several callers one wins.
   *
   * Order: the document that says who, durable; rename of `current` to `uninstalling`; fsync of the directory.
   *
   * @throws NodeError `INSTALLATION_UNINSTALLED` if it was claimed or done before, `INSTALLATION_NOT_FOUND`
   */
  async claimUninstall(name: InstallationName, o: { requestId?: string | undefined } = {}): Promise<void> {
    await this.#context.attempt(`uninstalling ${formatName(name)}`, () => this.#uninstallation.claim(name, o));
  }

  /**
   * Ends a claimed uninstallation, once no process of it is left: the directory gets its other name.
   *
   * @throws NodeError `INSTALLATION_NOT_FOUND`, `OPERATION_IN_PROGRESS` when it was not claimed
   */
  async finishUninstall(name: InstallationName): Promise<void> {
    await this.#context.attempt(`uninstalling ${formatName(name)}`, () => this.#uninstallation.finish(name));
  }

  /**
   * When it was uninstalled, and the request id of that call; undefined when the installation is not there any more.
   *
   * @throws NodeError `STORE_CORRUPT`
   */
  async uninstallation(name: InstallationName): Promise<{ at: Date; requestId?: string | undefined } | undefined> {
    return await this.#context.attempt(`reading ${formatName(name)}`, () => this.#uninstallation.record(name));
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
          await retire(this.#context, dir);
          this.#accounts.forget();
          return;
        }
      }
      throw notFound(name);
    });
  }

  /** Where one is, or would be, once it is uninstalled. */
  uninstalledDir(name: InstallationName): string {
    return uninstalledDir(this.#root, name);
  }

  /** Those that are uninstalled and not yet removed. */
  async *uninstalled(): AsyncIterable<InstallationName> {
    for (const app of await this.#apps.applications()) {
      yield* (await this.#apps.installations(app)).uninstalled;
    }
  }

  /** Removes the directories of applications that have no installation left; returns their paths. */
  async retireEmptyApplications(): Promise<string[]> {
    const removed: string[] = [];
    for (const app of await this.#apps.applications()) {
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

  /**
   * The version directory that new instances use.
   *
   * @throws NodeError `INSTALLATION_UNINSTALLED`, `INSTALLATION_NOT_FOUND`, `STORE_CORRUPT`
   */
  async currentVersion(name: InstallationName): Promise<string> {
    return await this.#context.attempt(`reading ${formatName(name)}`, async () => {
      const version = await this.#reader.currentVersion(installationDir(this.#root, name));
      if (version === undefined) {
        throw await this.#uninstallation.whyMissing(name);
      }
      return version;
    });
  }

  /**
   * Under whom the instances of an installation run; undefined for the manager's own user.
   *
   * @throws NodeError `INSTALLATION_NOT_FOUND`, `STORE_CORRUPT`
   */
  async account(name: InstallationName): Promise<Account | undefined> {
    return await this.#context.attempt(`reading ${formatName(name)}`, () => this.#reader.account(name));
  }

  /** Forgets what is remembered of the disk, after everything was removed. */
  forget(): void {
    this.#requests.clear();
    this.#accounts.forget();
  }
}
