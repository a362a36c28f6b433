import { basename, join } from "node:path";
import { type InstanceName, NodeError } from "@nodemanager/core";
import type { LayoutContext } from "./context.ts";
import { encodeDocument, type ReadDocument, readDocument, rewriteDocument } from "./document.ts";
import { moveDocument, suspensionDocument } from "./documents.ts";
import { exists } from "./exists.ts";
import { type InstanceClaims, notFound, taken } from "./instance-claims.ts";
import { type InstanceReader, MOVED, SUSPENDED, VERSION } from "./instance-reader.ts";
import { installationDir, pinnedVersionTarget } from "./paths.ts";
import { swapLink } from "./swap-link.ts";
import type { VersionTurns } from "./version-turns.ts";
import { replaceFile, unlinkIfThere } from "./write-atomic.ts";

/**
 * Moves instances between the versions of their installation, by one rename of their `version`. An instance with a
 * process keeps its version.
 */
export class InstanceMoves {
  readonly #context: LayoutContext;
  readonly #root: string;
  readonly #reader: InstanceReader;
  readonly #claims: InstanceClaims;
  readonly #turns: VersionTurns;

  constructor(
    context: LayoutContext,
    root: string,
    o: { reader: InstanceReader; claims: InstanceClaims; turns: VersionTurns },
  ) {
    this.#context = context;
    this.#root = root;
    this.#reader = o.reader;
    this.#claims = o.claims;
    this.#turns = o.turns;
  }

  /**
   * Pins another version.
   *
   * Order: the document that says from where to where; rename of the new `version` over the old one; fsync of the
   * directory.
   *
   * @param o.to - the version's directory
   * @param o.trial - it must hold there: until {@link keep}, a manager that starts takes it back
   * @throws NodeError `INSTANCE_RUNNING`, `OPERATION_IN_PROGRESS`, `INSTANCE_NOT_FOUND`, `VERSION_NOT_FOUND`,
   *   `STORE_CORRUPT`, `DISK_FULL`. It is pinned to the old version then.
   */
  async move(name: InstanceName, o: { to: string; requestId?: string | undefined; trial: boolean }): Promise<void> {
    const installation = installationDir(this.#root, name);
    const to = basename(o.to);
    using _ = await this.#turns.acquire(installation);
    await this.#claims.inTurn(name, async (dir) => {
      await this.#requireIdle(name, dir);
      if (!(await exists(this.#context, join(installation, to)))) {
        throw new NodeError("VERSION_NOT_FOUND", `the version ${to} is not there any more`);
      }
      const from = basename(await this.#reader.pinnedVersion(dir));
      const move = { from, to, at: this.#context.clock.now(), requestId: o.requestId, ...(o.trial && { trial: true }) };
      await replaceFile(this.#context, join(dir, MOVED), encodeDocument(move));
      await swapLink(this.#context, join(dir, VERSION), pinnedVersionTarget(to));
      await this.#claims.settle(dir);
    });
  }

  /**
   * Ends a trial: it holds.
   *
   * @throws NodeError `INSTANCE_NOT_FOUND`, `STORE_CORRUPT`
   */
  async keep(name: InstanceName): Promise<void> {
    await this.#claims.inTurn(name, async (dir) => {
      const found = await this.#trial(dir, await this.#names(name, dir));
      if (found) {
        const { trial: _, ...move } = found.value;
        await replaceFile(this.#context, join(dir, MOVED), rewriteDocument(found, moveDocument, move));
        await this.#claims.settle(dir);
      }
    });
  }

  /**
   * Ends a trial: back to the version that it was moved from. Why the new one does not run is no reason for the old one
   * not to: only what an operator said about its suspension stays.
   *
   * Order: the suspension goes; rename of the old `version` over the new one; fsync of the directory; then the document,
   * which means nothing any more.
   *
   * @throws NodeError `INSTANCE_RUNNING`, `OPERATION_IN_PROGRESS`, `INSTANCE_NOT_FOUND`, `STORE_CORRUPT`
   */
  async goBack(name: InstanceName): Promise<void> {
    // Who looks which versions are needed must find either the trial or what it ended in.
    using _ = await this.#turns.acquire(installationDir(this.#root, name));
    await this.#claims.inTurn(name, async (dir) => {
      const names = await this.#requireIdle(name, dir);
      const found = await this.#trial(dir, names);
      if (!found) {
        return;
      }
      const file = join(dir, SUSPENDED);
      const suspension = names.has(SUSPENDED)
        ? await readDocument(this.#context.fs, file, suspensionDocument)
        : undefined;
      if (suspension?.value.by !== "operator") {
        await unlinkIfThere(this.#context, file);
      }
      await swapLink(this.#context, join(dir, VERSION), pinnedVersionTarget(found.value.from));
      await this.#context.fs.unlink(join(dir, MOVED));
      await this.#claims.settle(dir);
    });
  }

  /** The document of a move that has not been proven yet. */
  async #trial(dir: string, names: ReadonlySet<string>): Promise<ReadDocument<typeof moveDocument> | undefined> {
    if (!names.has(MOVED)) {
      return undefined;
    }
    const found = await readDocument(this.#context.fs, join(dir, MOVED), moveDocument);
    const isPinned = found.value.to === basename(await this.#reader.pinnedVersion(dir));
    return found.value.trial && isPinned ? found : undefined;
  }

  async #requireIdle(name: InstanceName, dir: string): Promise<ReadonlySet<string>> {
    const names = await this.#names(name, dir);
    const claim = await this.#reader.claim(dir, names);
    if (claim) {
      throw taken(name, claim);
    }
    return names;
  }

  async #names(name: InstanceName, dir: string): Promise<ReadonlySet<string>> {
    const names = await this.#reader.names(dir);
    if (!names) {
      throw notFound(name);
    }
    return names;
  }
}
