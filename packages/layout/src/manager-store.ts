import { basename, dirname, join, relative } from "node:path";
import { isErrno, NodeError } from "@nodemanager/core";
import { brokenRecord } from "./broken-record.ts";
import type { LayoutContext } from "./context.ts";
import { encodeDocument, required } from "./document.ts";
import { managerMoveDocument } from "./documents.ts";
import { exists } from "./exists.ts";
import { isVersionDirName, NODE_MANAGER, versionDirName, versionMadeAt, versionSequence } from "./paths.ts";
import { readHead } from "./program-file.ts";
import type { BrokenRecord } from "./records.ts";
import { retire } from "./retire.ts";
import { StagedTree } from "./staged-tree.ts";
import { swapLink } from "./swap-link.ts";
import {
  optional,
  readWorkspace,
  type Trial,
  WORKSPACE,
  type WorkspaceRecord,
  workspaceFiles,
} from "./workspace-reader.ts";
import { unlinkIfThere, writeAtomic } from "./write-atomic.ts";

/** What a workspace is made from. */
export interface StageWorkspaceOptions {
  /** A file in this root's file system whose bytes are durable: a committed blob, or the binary that runs. */
  readonly binary: string;
  /** The whole of `noded.sh`. */
  readonly script: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly envelope: Readonly<Record<string, unknown>>;
  readonly previous?: string | undefined;
  /** Looks at the first bytes of the binary before anything is made; throws when it is not to be used. */
  readonly checkProgram?: ((head: Uint8Array) => Promise<void>) | undefined;
}

/** A move of the manager from one version to another, as it was decided; whether it came to it, the link says. */
export interface ManagerMove {
  readonly kind: "update" | "revert";
  /** The names of the versions' directories, and their semantic versions. */
  readonly from: string;
  readonly fromVersion: string;
  readonly to: string;
  readonly toVersion: string;
  readonly at: Date;
  readonly requestId?: string | undefined;
}

const LAST_MOVE = "last-move";

/** The manager's own versions, below `node-manager/`. */
export class ManagerStore {
  readonly #context: LayoutContext;
  readonly #dir: string;

  constructor(context: LayoutContext, root: string) {
    this.#context = context;
    this.#dir = join(root, NODE_MANAGER);
  }

  /**
   * Makes a workspace out of sight and lets it appear by one rename. It is used once `switchTo` points to it.
   *
   * @throws NodeError `VERSION_NOT_FOUND` when `previous` is none, what `checkProgram` throws, `DISK_FULL`, `READ_ONLY`.
   *   Nothing is visible then.
   */
  async stage(o: StageWorkspaceOptions): Promise<WorkspaceRecord> {
    return await this.#context.attempt("staging a manager", async () => {
      const { previous, settings, envelope } = o;
      if (previous !== undefined) {
        await this.read(previous);
      }
      await o.checkProgram?.(await readHead(this.#context, o.binary));
      for (;;) {
        const sequence = Math.max(0, ...(await this.#versions()).map(versionSequence)) + 1;
        const version = versionDirName(sequence, this.#context.clock.now());
        await using stage = await StagedTree.begin(this.#context, this.#dir);
        await stage.hardLink(WORKSPACE.program, o.binary);
        await stage.file(WORKSPACE.script, new TextEncoder().encode(o.script), 0o700);
        await stage.file(WORKSPACE.settings, encodeDocument(settings));
        await stage.file(WORKSPACE.envelope, encodeDocument(envelope));
        if (previous !== undefined) {
          await stage.symlink(WORKSPACE.previous, `../${previous}`);
        }
        const dir = join(this.#dir, version);
        if (await stage.publish(dir)) {
          return { kind: "workspace", ...workspaceFiles(dir), settings, envelope, previous, wasStarted: false };
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
      return await readWorkspace(this.#context, dir);
    });
  }

  /** The version whose program a file is; undefined for any other file. */
  async workspaceOf(programFile: string): Promise<string | undefined> {
    return await this.#context.attempt("finding the version that runs", async () => {
      const dir = dirname(programFile);
      const isOurs = dirname(dir) === (await this.#context.fs.realpath(this.#dir));
      return isOurs && isVersionDirName(basename(dir)) && basename(programFile) === WORKSPACE.program
        ? basename(dir)
        : undefined;
    });
  }

  /**
   * The SHA-256 of a version's program, by its bytes.
   *
   * @throws NodeError `VERSION_NOT_FOUND`, `STORE_CORRUPT` when there is no program
   */
  async digest(version: string): Promise<string> {
    const { programFile } = workspaceFiles(this.#workspace(version));
    return await this.#context.attempt(`checking the manager's version ${version}`, async () => {
      await this.#needs(version);
      return await required(programFile, this.#context.fs.sha256(programFile));
    });
  }

  /**
   * Notes which process runs a version on trial, so that a later manager can end it. The process holds still until then.
   *
   * @throws NodeError `VERSION_NOT_FOUND`
   */
  async noteTrial(version: string, trial: Trial): Promise<void> {
    await this.#note(version, WORKSPACE.trial, trial);
  }

  /** Notes that a move is about to be made: the link is switched next. */
  async noteMove(move: ManagerMove): Promise<void> {
    await this.#context.attempt("noting a move of the manager", () =>
      writeAtomic(this.#context, join(this.#dir, LAST_MOVE), encodeDocument(move)),
    );
  }

  /** Forgets a move that was not made. */
  async forgetMove(): Promise<void> {
    await this.#context.attempt("forgetting a move of the manager", async () => {
      await unlinkIfThere(this.#context, join(this.#dir, LAST_MOVE));
      await this.#context.fs.syncDir(this.#dir);
    });
  }

  /**
   * The last move that was noted.
   *
   * @throws NodeError `STORE_CORRUPT`
   */
  async lastMove(): Promise<ManagerMove | undefined> {
    return await this.#context.attempt("reading the last move of the manager", () =>
      optional(this.#context, join(this.#dir, LAST_MOVE), managerMoveDocument),
    );
  }

  /**
   * Notes that this version has recovered and serves.
   *
   * @throws NodeError `VERSION_NOT_FOUND`
   */
  async markHealthy(version: string): Promise<void> {
    await this.#note(version, WORKSPACE.healthy, { at: this.#context.clock.now() });
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
      const target = relative(linkDir, join(await fs.realpath(dir), WORKSPACE.script));
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
   * Where a workspace is, and when the next one was made, as that one's name says; for the newest, when it was made itself.
   *
   * @throws NodeError `VERSION_NOT_FOUND`
   */
  async place(version: string): Promise<{ readonly dir: string; readonly followedAt: Date }> {
    const dir = this.#workspace(version);
    return await this.#context.attempt(`looking for the manager's version ${version}`, async () => {
      await this.#needs(version);
      const versions = await this.#versions();
      return { dir, followedAt: versionMadeAt(versions[versions.indexOf(version) + 1] ?? version) };
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

  async #note(version: string, name: string, document: object): Promise<void> {
    const dir = this.#workspace(version);
    await this.#context.attempt(`noting something of the manager's version ${version}`, async () => {
      await this.#needs(version);
      await writeAtomic(this.#context, join(dir, name), encodeDocument(document));
    });
  }
}
