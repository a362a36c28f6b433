import { join } from "node:path";
import { type Account, formatName, type InstallationName, isErrno, NodeError } from "@nodemanager/core";
import type * as v from "valibot";
import { GROUP_PASSABLE } from "./access.ts";
import { brokenRecord } from "./broken-record.ts";
import type { LayoutContext } from "./context.ts";
import { corrupt, readDocument, required } from "./document.ts";
import { settingsDocument } from "./documents.ts";
import { exists } from "./exists.ts";
import { CURRENT, installationDir, isVersionDirName, UNINSTALLING } from "./paths.ts";
import { readLinkIfThere } from "./read-link.ts";
import type { BrokenRecord, InstallationRecord } from "./records.ts";
import { VersionReader } from "./version-reader.ts";

const SETTINGS = "settings.json";
/** How often a read starts over because what it read was moved meanwhile. */
const READS = 10;

/** Reads installations; changes nothing. */
export class InstallationReader {
  readonly #context: LayoutContext;
  readonly #root: string;
  readonly #versions: VersionReader;

  constructor(context: LayoutContext, root: string) {
    this.#context = context;
    this.#root = root;
    this.#versions = new VersionReader(context);
  }

  /** Reads one that was listed, as a record in any case. */
  async readListed(name: InstallationName): Promise<InstallationRecord | BrokenRecord> {
    try {
      return await this.read(name);
    } catch (error) {
      return brokenRecord(formatName(name), installationDir(this.#root, name), error);
    }
  }

  /**
   * @throws NodeError `INSTALLATION_NOT_FOUND`, `STORE_CORRUPT`
   */
  async read(name: InstallationName): Promise<InstallationRecord> {
    const dir = installationDir(this.#root, name);
    for (let attempt = 1; ; attempt += 1) {
      const names = await this.#names(dir, name);
      const state = names.has(UNINSTALLING) ? "uninstalling" : "installed";
      const link = join(dir, state === "installed" ? CURRENT : UNINSTALLING);
      const version = await this.#linkedVersion(link);
      if (version === undefined) {
        // Claimed or uninstalled between the listing and the link.
        if (attempt < READS) {
          continue;
        }
        throw corrupt(link, "", "is missing");
      }
      return await this.#readDocuments(name, dir, state, join(dir, version));
    }
  }

  /**
   * Under whom the instances of an installation run; undefined for the manager's own user.
   *
   * @throws NodeError `STORE_CORRUPT`, also when the directory was made for an account that is not on record: what was to
   *   be kept apart must not run as the manager
   */
  async account(name: InstallationName): Promise<Account | undefined> {
    const dir = installationDir(this.#root, name);
    return await this.#knownAccount(dir, (await this.#settings(dir)).account);
  }

  /** The path of the version that `current` means; undefined without `current`, and once `uninstalling` is there. */
  async currentVersion(dir: string): Promise<string | undefined> {
    const version = await this.#linkedVersion(join(dir, CURRENT));
    const isThere = version !== undefined && !(await exists(this.#context, join(dir, UNINSTALLING)));
    return isThere ? join(dir, version) : undefined;
  }

  async #names(dir: string, name: InstallationName): Promise<Set<string>> {
    try {
      return new Set((await this.#context.fs.readdir(dir)).map((entry) => entry.name));
    } catch (error) {
      if (isErrno(error, "ENOENT")) {
        throw new NodeError("INSTALLATION_NOT_FOUND", `there is no installation ${formatName(name)}`);
      }
      throw isErrno(error, "ENOTDIR") ? corrupt(dir, "", "is not a directory", error) : error;
    }
  }

  async #readDocuments(
    name: InstallationName,
    dir: string,
    state: InstallationRecord["state"],
    versionDir: string,
  ): Promise<InstallationRecord> {
    const [settings, origin, envelope] = await Promise.all([
      this.#settings(dir),
      this.#versions.origin(versionDir),
      this.#versions.envelope(versionDir),
    ]);
    if (settings.title !== name.title) {
      throw corrupt(join(dir, SETTINGS), "title", `is ${JSON.stringify(settings.title)}`);
    }
    const { env, args, packages = {}, requestId, installedAt } = settings;
    return {
      kind: "installation",
      name,
      dir,
      state,
      versionDir,
      envelope,
      origin,
      env,
      args,
      packages,
      account: await this.#knownAccount(dir, settings.account),
      requestId,
      installedAt,
    };
  }

  async #settings(dir: string): Promise<v.InferOutput<typeof settingsDocument>> {
    const file = join(dir, SETTINGS);
    return (await required(file, readDocument(this.#context.fs, file, settingsDocument))).value;
  }

  async #knownAccount(dir: string, account: Account | undefined): Promise<Account | undefined> {
    if (!account && ((await required(dir, this.#context.fs.stat(dir))).mode & GROUP_PASSABLE) === GROUP_PASSABLE) {
      throw corrupt(join(dir, SETTINGS), "account", "is missing");
    }
    return account;
  }

  async #linkedVersion(link: string): Promise<string | undefined> {
    const target = await readLinkIfThere(this.#context, link);
    if (target === undefined) {
      return undefined;
    }
    if (!isVersionDirName(target)) {
      throw corrupt(link, "", `points to ${JSON.stringify(target)}, which is no version`);
    }
    return target;
  }
}
