import { join } from "node:path";
import {
  decodeEnvelope,
  type Envelope,
  formatName,
  fromErrno,
  type InstallationName,
  isErrno,
  NodeError,
  parseTitle,
  type Title,
} from "@nodemanager/core";
import type { LayoutContext } from "./context.ts";
import { corrupt, encodeDocument, readDocument, readJsonObject } from "./document.ts";
import { originDocument, settingsDocument, titleDocument, uninstallDocument } from "./documents.ts";
import type { Entry } from "./fs-ops.ts";
import {
  appDirName,
  CURRENT,
  installationDir,
  isAppDirName,
  isVersionDirName,
  parseInstallationDirName,
  UNINSTALLING,
} from "./paths.ts";
import type { BrokenRecord, InstallationRecord } from "./records.ts";
import { writeAtomic } from "./write-atomic.ts";

/** How often a read starts over because what it read was moved meanwhile. */
const READS = 10;

/** An installation's directory as it was listed. */
export interface ListedInstallation {
  readonly name: InstallationName;
}

/** What an application's directory holds. */
export interface ListedApplication {
  readonly installations: readonly ListedInstallation[];
  readonly uninstalled: readonly InstallationName[];
  readonly broken: readonly BrokenRecord[];
}

/** Reads installations; changes nothing. */
export class InstallationReader {
  readonly #context: LayoutContext;
  readonly #root: string;

  constructor(context: LayoutContext, root: string) {
    this.#context = context;
    this.#root = root;
  }

  /** The names of the applications' directories. */
  async applications(): Promise<string[]> {
    const entries = await this.#context.attempt("listing the applications", () => this.#context.fs.readdir(this.#root));
    return entries
      .map((entry) => entry.name)
      .filter(isAppDirName)
      .sort();
  }

  /** What is in one application's directory, which need not exist. */
  async installations(app: string): Promise<ListedApplication> {
    const dir = join(this.#root, app);
    const installations: ListedInstallation[] = [];
    const uninstalled: InstallationName[] = [];
    const broken: BrokenRecord[] = [];
    try {
      const entries = (await this.#context.fs.readdir(dir)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
      const title = await this.#titleOf(app, entries, broken);
      for (const entry of title === undefined ? [] : entries) {
        const parsed = parseInstallationDirName(entry.name);
        if (!parsed || title === undefined) {
          continue;
        }
        const name: InstallationName = { kind: "installation", title, installation: parsed.id };
        if (entry.kind !== "directory") {
          const file = join(dir, entry.name);
          broken.push({ kind: "broken", name: formatName(name), file, error: corrupt(file, "", "is not a directory") });
        } else if (parsed.uninstalled) {
          uninstalled.push(name);
        } else {
          installations.push({ name });
        }
      }
    } catch (error) {
      if (!isErrno(error, "ENOENT")) {
        broken.push(brokenRecord(`apps/${app}`, dir, error));
      }
    }
    return { installations, uninstalled, broken };
  }

  /** Reads one that was listed, as a record in any case. */
  async readListed(entry: ListedInstallation): Promise<InstallationRecord | BrokenRecord> {
    try {
      return await this.read(entry.name);
    } catch (error) {
      return brokenRecord(formatName(entry.name), installationDir(this.#root, entry.name), error);
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

  /** The path of the version that `current` means; undefined without `current`. */
  async currentVersion(dir: string): Promise<string | undefined> {
    const version = await this.#linkedVersion(join(dir, CURRENT));
    return version === undefined ? undefined : join(dir, version);
  }

  /** The envelope of a version. */
  async envelope(versionDir: string): Promise<Envelope> {
    const file = join(versionDir, "envelope.json");
    try {
      return decodeEnvelope(await readJsonObject(this.#context.fs, file), file);
    } catch (error) {
      if (isErrno(error, "ENOENT")) {
        throw corrupt(file, "", "is missing", error);
      }
      throw error instanceof NodeError && error.reason !== "STORE_CORRUPT"
        ? corrupt(file, error.metadata.field ?? "title", error.message, error)
        : error;
    }
  }

  /** Notes who uninstalls, before the claim. */
  async writeUninstall(dir: string, value: { at: Date; requestId?: string | undefined }): Promise<void> {
    await writeAtomic(this.#context, join(dir, "uninstall.json"), encodeDocument(value));
  }

  /** Who uninstalled, as {@link writeUninstall} noted it. */
  async readUninstall(dir: string): Promise<{ at: Date; requestId?: string | undefined }> {
    return (await readDocument(this.#context.fs, join(dir, "uninstall.json"), uninstallDocument)).value;
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
    const originFile = join(versionDir, "origin.json");
    const [settings, origin, envelope] = await Promise.all([
      required(settingsFile, readDocument(fs, settingsFile, settingsDocument)),
      required(originFile, readDocument(fs, originFile, originDocument)),
      this.envelope(versionDir),
    ]);
    if (settings.value.title !== name.title) {
      throw corrupt(settingsFile, "title", `is ${JSON.stringify(settings.value.title)}`);
    }
    const { env, args, requestId, installedAt } = settings.value;
    return {
      kind: "installation",
      name,
      dir,
      state,
      versionDir,
      envelope,
      origin: origin.value.origin,
      env,
      args,
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

  /**
   * The title that an application's directory is for: from its `title` document, or, should that be broken, from what
   * one of the installations says. The directory's name proves either.
   */
  async #titleOf(app: string, entries: readonly Entry[], broken: BrokenRecord[]): Promise<Title | undefined> {
    const dir = join(this.#root, app);
    const file = join(dir, "title");
    try {
      const { title } = (await required(file, readDocument(this.#context.fs, file, titleDocument))).value;
      return provenTitle(app, file, title);
    } catch (error) {
      broken.push(brokenRecord(`apps/${app}`, file, error));
    }
    for (const entry of entries) {
      const settings = join(dir, entry.name, "settings.json");
      if (parseInstallationDirName(entry.name) && entry.kind === "directory") {
        try {
          const { title } = (await readDocument(this.#context.fs, settings, settingsDocument)).value;
          return provenTitle(app, settings, title);
        } catch {
          // The next one may say it; that this one is broken is reported when it is read.
        }
      }
    }
    return undefined;
  }
}

function provenTitle(app: string, file: string, title: string): Title {
  const parsed = parseTitle(title);
  if (appDirName(parsed) !== app) {
    throw corrupt(file, "title", `is ${JSON.stringify(title)}, which belongs to another directory`);
  }
  return parsed;
}

/** A document without which its object is not whole. */
export async function required<T>(file: string, read: Promise<T>): Promise<T> {
  try {
    return await read;
  } catch (error) {
    throw isErrno(error, "ENOENT") ? corrupt(file, "", "is missing", error) : error;
  }
}

/** A record of what cannot be read. */
export function brokenRecord(name: string, file: string, error: unknown): BrokenRecord {
  const known = fromErrno(error, `reading ${name}`);
  return { kind: "broken", name, file: known.metadata.file ?? file, error: known };
}
