import { join } from "node:path";
import { formatName, type InstallationName, isErrno, NodeError } from "@nodemanager/core";
import { brokenRecord } from "./broken-record.ts";
import type { LayoutContext } from "./context.ts";
import { corrupt, readDocument, required } from "./document.ts";
import { settingsDocument } from "./documents.ts";
import { exists } from "./exists.ts";
import { CURRENT, installationDir, isVersionDirName, UNINSTALLING } from "./paths.ts";
import type { BrokenRecord, InstallationRecord } from "./records.ts";
import { VersionReader } from "./version-reader.ts";

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
    const { fs } = this.#context;
    const settingsFile = join(dir, "settings.json");
    const [settings, origin, envelope] = await Promise.all([
      required(settingsFile, readDocument(fs, settingsFile, settingsDocument)),
      this.#versions.origin(versionDir),
      this.#versions.envelope(versionDir),
    ]);
    if (settings.value.title !== name.title) {
      throw corrupt(settingsFile, "title", `is ${JSON.stringify(settings.value.title)}`);
    }
    const { env, args, packages = {}, requestId, installedAt } = settings.value;
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
      requestId,
      installedAt,
    };
  }

  async #linkedVersion(link: string): Promise<string | undefined> {
    let target: string;
    try {
      target = await this.#context.fs.readlink(link);
    } catch (error) {
      if (isErrno(error, "ENOENT")) {
        return undefined;
      }
      throw isErrno(error, "EINVAL") ? corrupt(link, "", "is not a symbolic link", error) : error;
    }
    if (!isVersionDirName(target)) {
      throw corrupt(link, "", `points to ${JSON.stringify(target)}, which is no version`);
    }
    return target;
  }
}
