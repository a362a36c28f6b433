import { dirname, join } from "node:path";
import { formatName, hasReason, type InstallationName, isErrno, NodeError } from "@nodemanager/core";
import type { LayoutContext } from "./context.ts";
import { corrupt, encodeDocument, readDocument } from "./document.ts";
import { uninstallDocument } from "./documents.ts";
import { exists } from "./exists.ts";
import { CURRENT, installationDir, UNINSTALLING, uninstalledDir } from "./paths.ts";
import type { VersionTurns } from "./version-turns.ts";
import { writeAtomic } from "./write-atomic.ts";

/**
 * The end of an installation, in two steps with the end of its instances between them: `current` is renamed away, so that
 * nothing starts any more, and the directory gets its other name.
 */
export class Uninstallation {
  readonly #context: LayoutContext;
  readonly #root: string;
  readonly #turns: VersionTurns;

  constructor(context: LayoutContext, root: string, turns: VersionTurns) {
    this.#context = context;
    this.#root = root;
    this.#turns = turns;
  }

  /** See `InstallationStore.claimUninstall`. */
  async claim(name: InstallationName, o: { requestId?: string | undefined }): Promise<void> {
    const { fs } = this.#context;
    const dir = installationDir(this.#root, name);
    using _ = await this.#turns.acquire(dir);
    try {
      // A link in its place would lead what is written below it to anywhere.
      await fs.readdir(dir);
    } catch (error) {
      throw isErrno(error, "ENOTDIR")
        ? corrupt(dir, "", "is not a directory", error)
        : isErrno(error, "ENOENT")
          ? await this.whyMissing(name)
          : error;
    }
    const isDamaged = !(await exists(this.#context, join(dir, CURRENT)));
    if (isDamaged) {
      const why = await this.whyMissing(name);
      if (!hasReason(why, "STORE_CORRUPT")) {
        throw why;
      }
    }
    const document = encodeDocument({ at: this.#context.clock.now(), requestId: o.requestId });
    const file = join(dir, "uninstall.json");
    try {
      await writeAtomic(this.#context, file, document);
    } catch (error) {
      throw isErrno(error, "EISDIR") ? corrupt(file, "", "is a directory") : error;
    }
    try {
      // Somebody has removed `current`: what cannot be started any more can still be taken out of use. As with the rename,
      // one of several callers succeeds.
      await (isDamaged
        ? fs.symlink(CURRENT, join(dir, UNINSTALLING))
        : fs.rename(join(dir, CURRENT), join(dir, UNINSTALLING)));
    } catch (error) {
      throw isErrno(error, "ENOENT", "EEXIST") ? await this.whyMissing(name) : error;
    }
    try {
      await fs.syncDir(dir);
    } catch (error) {
      await this.#context.bestEffort("taking a claim back", () =>
        fs.rename(join(dir, UNINSTALLING), join(dir, CURRENT)),
      );
      throw error;
    }
  }

  /** See `InstallationStore.finishUninstall`. */
  async finish(name: InstallationName): Promise<void> {
    const dir = installationDir(this.#root, name);
    if (!(await exists(this.#context, join(dir, UNINSTALLING)))) {
      throw (await exists(this.#context, dir))
        ? new NodeError("OPERATION_IN_PROGRESS", `${formatName(name)} is not claimed for uninstallation`)
        : await this.whyMissing(name);
    }
    await this.#context.fs.rename(dir, uninstalledDir(this.#root, name));
    await this.#context.fs.syncDir(dirname(dir));
  }

  /** What is recorded of one that is done; undefined when the installation is not there any more. */
  async record(name: InstallationName): Promise<{ at: Date; requestId?: string | undefined } | undefined> {
    const file = join(uninstalledDir(this.#root, name), "uninstall.json");
    try {
      return (await readDocument(this.#context.fs, file, uninstallDocument)).value;
    } catch (error) {
      if (isErrno(error, "ENOENT", "ENOTDIR")) {
        return undefined;
      }
      throw error;
    }
  }

  /** Why an installation has no `current`: the error for the caller. */
  async whyMissing(name: InstallationName): Promise<NodeError> {
    const dir = installationDir(this.#root, name);
    const uninstalled =
      (await exists(this.#context, join(dir, UNINSTALLING))) ||
      (await exists(this.#context, uninstalledDir(this.#root, name)));
    if (uninstalled) {
      return new NodeError("INSTALLATION_UNINSTALLED", `${formatName(name)} is uninstalled`);
    }
    return (await exists(this.#context, dir)) ? corrupt(join(dir, CURRENT), "", "is missing") : notFound(name);
  }
}

/** The error for a name of nothing. */
export function notFound(name: InstallationName): NodeError {
  return new NodeError("INSTALLATION_NOT_FOUND", `there is no installation ${formatName(name)}`);
}
