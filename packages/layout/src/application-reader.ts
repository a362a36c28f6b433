import { join } from "node:path";
import { formatName, type InstallationName, isErrno, parseTitle, type Title } from "@nodemanager/core";
import { brokenRecord } from "./broken-record.ts";
import type { LayoutContext } from "./context.ts";
import { corrupt, readDocument, required } from "./document.ts";
import { settingsDocument, titleDocument } from "./documents.ts";
import type { Entry } from "./fs-ops.ts";
import { appDirName, isAppDirName, parseInstallationDirName } from "./paths.ts";
import type { BrokenRecord } from "./records.ts";

/** What an application's directory holds. */
export interface ListedApplication {
  readonly installations: readonly InstallationName[];
  readonly uninstalled: readonly InstallationName[];
  readonly broken: readonly BrokenRecord[];
}

/** Reads which installations there are; changes nothing. */
export class ApplicationReader {
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
    const installations: InstallationName[] = [];
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
          installations.push(name);
        }
      }
    } catch (error) {
      if (!isErrno(error, "ENOENT")) {
        broken.push(brokenRecord(`apps/${app}`, dir, error));
      }
    }
    return { installations, uninstalled, broken };
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
