import { basename, dirname, join, relative } from "node:path";
import { isErrno, NodeError } from "@nodemanager/core";
import { brokenRecord } from "./broken-record.ts";
import type { LayoutContext } from "./context.ts";
import { corrupt, encodeDocument, readDocument, readJsonObject, required } from "./document.ts";
import { healthyDocument } from "./documents.ts";
import { exists } from "./exists.ts";
import { isVersionDirName, versionDirName, versionSequence } from "./paths.ts";
import type { BrokenRecord } from "./records.ts";
import { retire } from "./retire.ts";
import { StagedTree } from "./staged-tree.ts";
import { swapLink } from "./swap-link.ts";
import { writeAtomic } from "./write-atomic.ts";

/** One version of the manager itself. */
export interface WorkspaceRecord {
  readonly kind: "workspace";
  /** Its directory's name, `0001-20261122T091500Z`. */
  readonly version: string;
  readonly dir: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly envelope: Readonly<Record<string, unknown>>;
  /** The version that a revert goes back to. */
  readonly previous?: string | undefined;
  /** Since when it is known to serve. */
  readonly healthyAt?: Date | undefined;
}

/** What a workspace is made from. */
export interface StageWorkspaceOptions {
  /** A file in this root's file system whose bytes are durable: a committed blob, or the binary that runs. */
  readonly binary: string;
  /** The whole of `noded.sh`. */
  readonly script: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly envelope: Readonly<Record<string, unknown>>;
  readonly previous?: string | undefined;
}

/** The manager's own versions, below `node-manager/`. */
export class ManagerStore {
  readonly #context: LayoutContext;
  readonly #dir: string;

  constructor(context: LayoutContext, root: string) {
    this.#context = context;
    this.#dir = join(root, "node-manager");
  }

  /**
   * Makes a workspace out of sight and lets it appear by one rename. It is used once `switchTo` points to it.
   *
   * @throws NodeError `VERSION_NOT_FOUND` when `previous` is none, `DISK_FULL`, `READ_ONLY`. Nothing is visible then.
   */
  async stage(o: StageWorkspaceOptions): Promise<WorkspaceRecord> {
    return await this.#context.attempt("staging a manager", async () => {
      const { previous, settings, envelope } = o;
      if (previous !== undefined) {
        await this.read(previous);
      }
      for (;;) {
        const sequence = Math.max(0, ...(await this.#versions()).map(versionSequence)) + 1;
        const version = versionDirName(sequence, this.#context.clock.now());
        await using stage = await StagedTree.begin(this.#context, this.#dir);
        await stage.hardLink("noded", o.binary);
        await stage.file("noded.sh", new TextEncoder().encode(o.script), 0o700);
        await stage.file("settings.json", encodeDocument(settings));
        await stage.file("envelope.json", encodeDocument(envelope));
        if (previous !== undefined) {
          await stage.symlink("previous", `../${previous}`);
        }
        if (await stage.publish(join(this.#dir, version))) {
          return { kind: "workspace", version, dir: join(this.#dir, version), settings, envelope, previous };
        }
      }
    });
  }

  /** All workspaces, the oldest first, also what cannot be read. */
  async *list(): AsyncIterable<WorkspaceRecord | BrokenRecord> {
    for (const version of await this.#context.attempt("listing the manager's versions", () => this.#versions())) {
      try {
        yield await this.read(version);
      } catch (error) {
        yield brokenRecord(`nm/${version}`, join(this.#dir, version), error);
      }
    }
  }

  /**
   * @throws NodeError `VERSION_NOT_FOUND`, `STORE_CORRUPT`
   */
  async read(version: string): Promise<WorkspaceRecord> {
    const dir = this.#workspace(version);
    return await this.#context.attempt(`reading the manager's version ${version}`, async () => {
      await this.#needs(version);
      const [settings, envelope] = await Promise.all(
        ["settings.json", "envelope.json"].map((name) =>
          required(join(dir, name), readJsonObject(this.#context.fs, join(dir, name))),
        ),
      );
      return {
        kind: "workspace",
        version,
        dir,
        settings: withoutVersion(settings),
        envelope: withoutVersion(envelope),
        previous: await this.#previous(dir),
        healthyAt: await this.#healthyAt(dir),
      };
    });
  }

  /**
   * Notes that this version has recovered and serves.
   *
   * @throws NodeError `VERSION_NOT_FOUND`
   */
  async markHealthy(version: string): Promise<void> {
    const dir = this.#workspace(version);
    await this.#context.attempt(`marking the manager's version ${version}`, async () => {
      await this.#needs(version);
      await writeAtomic(this.#context, join(dir, "healthy"), encodeDocument({ at: this.#context.clock.now() }));
    });
  }

  /**
   * Points the link that init starts at a version's `noded.sh`, atomically.
   *
   * @param currentLink - where the link is, inside or outside the root; its directory exists
   * @throws NodeError `VERSION_NOT_FOUND`
   */
  async switchTo(currentLink: string, version: string): Promise<void> {
    const dir = this.#workspace(version);
    await this.#context.attempt(`switching to the manager's version ${version}`, async () => {
      await this.#needs(version);
      const { fs } = this.#context;
      // Relative, so that root and link can be moved together; from where the link really is.
      const linkDir = await fs.realpath(dirname(currentLink));
      const target = relative(linkDir, join(await fs.realpath(dir), "noded.sh"));
      await swapLink(this.#context, join(linkDir, basename(currentLink)), target);
    });
  }

  /**
   * The version that the link points to; undefined when there is no link, or it points to none of ours.
   */
  async current(currentLink: string): Promise<string | undefined> {
    return await this.#context.attempt("reading the manager's current version", async () => {
      try {
        const { fs } = this.#context;
        const dir = dirname(await fs.realpath(currentLink));
        const version = basename(dir);
        return isVersionDirName(version) && dirname(dir) === (await fs.realpath(this.#dir)) ? version : undefined;
      } catch (error) {
        if (isErrno(error, "ENOENT", "ENOTDIR")) {
          return undefined;
        }
        throw error;
      }
    });
  }

  /**
   * Removes a workspace. That nothing points to it, says the caller.
   *
   * @throws NodeError `VERSION_NOT_FOUND`
   */
  async retire(version: string): Promise<void> {
    const dir = this.#workspace(version);
    await this.#context.attempt(`removing the manager's version ${version}`, async () => {
      await this.#needs(version);
      await retire(this.#context, dir);
    });
  }

  #workspace(version: string): string {
    if (!isVersionDirName(version)) {
      throw new NodeError("VERSION_NOT_FOUND", `not a version of the manager: ${JSON.stringify(version)}`);
    }
    return join(this.#dir, version);
  }

  async #needs(version: string): Promise<void> {
    if (!(await exists(this.#context, this.#workspace(version)))) {
      throw new NodeError("VERSION_NOT_FOUND", `the manager has no version ${version} here`);
    }
  }

  async #versions(): Promise<string[]> {
    const entries = await this.#context.fs.readdir(this.#dir);
    return entries
      .map((entry) => entry.name)
      .filter(isVersionDirName)
      .sort((a, b) => versionSequence(a) - versionSequence(b) || (a < b ? -1 : 1));
  }

  async #previous(dir: string): Promise<string | undefined> {
    const link = join(dir, "previous");
    try {
      const version = basename(await this.#context.fs.readlink(link));
      if (!isVersionDirName(version)) {
        throw corrupt(link, "", `points to ${JSON.stringify(version)}, which is no version`);
      }
      return version;
    } catch (error) {
      if (isErrno(error, "ENOENT")) {
        return undefined;
      }
      throw isErrno(error, "EINVAL") ? corrupt(link, "", "is not a symbolic link", error) : error;
    }
  }

  async #healthyAt(dir: string): Promise<Date | undefined> {
    try {
      return (await readDocument(this.#context.fs, join(dir, "healthy"), healthyDocument)).value.at;
    } catch (error) {
      if (isErrno(error, "ENOENT")) {
        return undefined;
      }
      throw error;
    }
  }
}

function withoutVersion(document: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  const { schemaVersion: _, ...rest } = document;
  return rest;
}
