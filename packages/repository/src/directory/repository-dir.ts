import { link, mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { isErrno, NodeError, newId } from "@nodemanager/core";
import { makeDir, readSmallFile, syncDir, writeNewFile } from "./durable-file.ts";
import { repositoryError } from "./repository-error.ts";

/** The format of directories that this program reads and writes. */
const SCHEMA_VERSION = 1;

// What a crashed publisher leaves behind is not touched while it may still be somebody's work.
const ABANDONED_AFTER_MS = 24 * 60 * 60 * 1000;

/** The names in a repository's directory, and what keeps it one. */
export class RepositoryDir {
  readonly path: string;
  readonly applications: string;
  readonly binaries: string;
  /** Whole binaries, named by their digest. */
  readonly blobs: string;
  #checked = false;
  #made = false;

  constructor(path: string) {
    this.path = path;
    this.applications = join(path, "applications");
    this.binaries = join(path, "binaries");
    this.blobs = join(this.binaries, "sha256");
  }

  /** Whether the directory is missing or empty, so that the first publisher makes it a repository. */
  async isNew(): Promise<boolean> {
    return !this.#checked && (await this.#isEmpty());
  }

  /**
   * Checks that the directory is a repository.
   *
   * @throws NodeError `REPOSITORY_UNAVAILABLE` when there is none, `REPOSITORY_CORRUPT`, `FORMAT_TOO_NEW`
   */
  async forReading(): Promise<void> {
    if (this.#checked) {
      return;
    }
    try {
      const text = await this.#readFormat();
      if (text === undefined) {
        throw (await this.#isEmpty())
          ? new NodeError("REPOSITORY_UNAVAILABLE", `there is no repository in ${this.path}`)
          : new NodeError("REPOSITORY_CORRUPT", `${this.path} has no repository.json and so is not a repository`);
      }
      checkFormat(this.path, text);
    } catch (error) {
      throw repositoryError(error, `reading the repository ${this.path}`);
    }
    this.#checked = true;
  }

  /**
   * Makes the directory a repository if it is missing or empty, and removes what crashed publishers left long ago.
   *
   * @throws NodeError `REPOSITORY_CORRUPT` when it is something else, `FORMAT_TOO_NEW`
   */
  async forWriting(): Promise<void> {
    if (this.#made) {
      return;
    }
    try {
      await makeDir(this.path);
      if ((await this.#readFormat()) === undefined && (await this.#isEmpty())) {
        await this.#writeFormat();
      }
      await this.forReading();
      await makeDir(this.applications);
      await makeDir(this.blobs);
      await this.#sweep();
    } catch (error) {
      throw repositoryError(error, `writing to the repository ${this.path}`);
    }
    this.#made = true;
  }

  /** A new directory, beside everything else and seen by nobody, to build something in. Disposing it removes it. */
  async stage(): Promise<{ readonly dir: string } & AsyncDisposable> {
    const dir = join(this.path, `.incoming-${newId()}`);
    await mkdir(dir);
    return { dir, [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) };
  }

  /** Removes a directory for good, all of it at once for whoever looks. `ENOENT` when it is not there. */
  async retire(dir: string): Promise<void> {
    const deleted = join(this.path, `.deleted-${newId()}`);
    await rename(dir, deleted);
    await syncDir(join(dir, ".."));
    await rm(deleted, { recursive: true, force: true });
  }

  #readFormat(): Promise<string | undefined> {
    return readSmallFile(join(this.path, "repository.json"), {
      maxBytes: 64 * 1024,
      tooLarge: () => new NodeError("REPOSITORY_CORRUPT", `${this.path}: repository.json is too large`),
    });
  }

  /** Several may do this at once: `link` lets one win, and all write the same. */
  async #writeFormat(): Promise<void> {
    await using stage = await this.stage();
    const file = join(stage.dir, "repository.json");
    await writeNewFile(file, `${JSON.stringify({ schemaVersion: SCHEMA_VERSION })}\n`);
    try {
      await link(file, join(this.path, "repository.json"));
    } catch (error) {
      if (!isErrno(error, "EEXIST")) {
        throw error;
      }
    }
    await syncDir(this.path);
  }

  async #isEmpty(): Promise<boolean> {
    try {
      return (await readdir(this.path)).every((name) => name.startsWith(".incoming-"));
    } catch (error) {
      if (isErrno(error, "ENOENT")) {
        return true;
      }
      throw error;
    }
  }

  async #sweep(): Promise<void> {
    for (const dir of [this.path, this.binaries]) {
      for (const name of await readdir(dir)) {
        if (/^\.(incoming|deleted)-/.test(name)) {
          // What cannot be removed, perhaps because it is somebody else's, is in nobody's way.
          await removeAbandoned(join(dir, name)).catch(() => {});
        }
      }
    }
  }
}

async function removeAbandoned(path: string): Promise<void> {
  if (Date.now() - (await stat(path)).mtimeMs > ABANDONED_AFTER_MS) {
    await rm(path, { recursive: true, force: true });
  }
}

function checkFormat(dir: string, text: string): void {
  let version: unknown;
  try {
    version = JSON.parse(text)?.schemaVersion;
  } catch (error) {
    throw new NodeError("REPOSITORY_CORRUPT", `${dir}: repository.json is not JSON`, { cause: error });
  }
  if (typeof version !== "number" || !Number.isSafeInteger(version) || version < 1) {
    throw new NodeError("REPOSITORY_CORRUPT", `${dir}: repository.json has no schemaVersion`, {
      metadata: { field: "schemaVersion" },
    });
  }
  if (version > SCHEMA_VERSION) {
    throw new NodeError(
      "FORMAT_TOO_NEW",
      `the repository ${dir} has format ${version}, and this program knows ${SCHEMA_VERSION}; use a newer one`,
      { metadata: { found: String(version), supported: String(SCHEMA_VERSION) } },
    );
  }
}
