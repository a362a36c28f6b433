import { join } from "node:path";
import { decodeEnvelope, type Envelope, NodeError } from "@nodemanager/core";
import type { LayoutContext } from "./context.ts";
import { corrupt, readDocument, readJsonObject, required } from "./document.ts";
import { originDocument } from "./documents.ts";
import { exists } from "./exists.ts";
import { PACKAGES, PREVIOUS, previousVersionDir, programPath } from "./paths.ts";
import { readLinkIfThere } from "./read-link.ts";

/** A version of an application, ready to be run. */
export interface VersionRecord {
  readonly dir: string;
  readonly envelope: Envelope;
  /** Where it is from. */
  readonly origin: string;
  /** Absolute. */
  readonly program: string;
  /** Absolute; undefined when the version has no packages. */
  readonly packagesDir: string | undefined;
}

/** Reads what is in a version's directory; changes nothing. */
export class VersionReader {
  readonly #context: LayoutContext;

  constructor(context: LayoutContext) {
    this.#context = context;
  }

  /**
   * @throws NodeError `STORE_CORRUPT` when a document cannot be read or the program is not there
   */
  async read(dir: string): Promise<VersionRecord> {
    const packagesDir = join(dir, PACKAGES);
    const [envelope, origin, hasPackages] = await Promise.all([
      this.envelope(dir),
      this.origin(dir),
      exists(this.#context, packagesDir),
    ]);
    const program = programPath(dir, envelope);
    if (!(await exists(this.#context, program))) {
      throw corrupt(program, "", "is missing");
    }
    return { dir, envelope, origin, program, packagesDir: hasPackages ? packagesDir : undefined };
  }

  /** @throws NodeError `STORE_CORRUPT` */
  async envelope(dir: string): Promise<Envelope> {
    const file = join(dir, "envelope.json");
    try {
      return decodeEnvelope(await required(file, readJsonObject(this.#context.fs, file)), file);
    } catch (error) {
      throw error instanceof NodeError && error.reason !== "STORE_CORRUPT"
        ? corrupt(file, error.metadata.field ?? "title", error.message, error)
        : error;
    }
  }

  /** @throws NodeError `STORE_CORRUPT` */
  async origin(dir: string): Promise<string> {
    const file = join(dir, "origin.json");
    return (await required(file, readDocument(this.#context.fs, file, originDocument))).value.origin;
  }

  /**
   * The directory of the version that a revert goes back to; undefined when there never was one, or it was removed.
   *
   * @throws NodeError `STORE_CORRUPT` when what should say so says something else
   */
  async previous(dir: string): Promise<string | undefined> {
    const link = join(dir, PREVIOUS);
    const target = await readLinkIfThere(this.#context, link);
    if (target === undefined) {
      return undefined;
    }
    const previous = previousVersionDir(dir, target);
    if (previous === undefined) {
      throw corrupt(link, "", `points to ${JSON.stringify(target)}, which is no version before it`);
    }
    return (await exists(this.#context, previous)) ? previous : undefined;
  }
}
