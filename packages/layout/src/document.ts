import { isErrno, NodeError } from "@nodemanager/core";
import * as v from "valibot";
import type { FsOps } from "./fs-ops.ts";

/** The most bytes that a document may have. */
const DOCUMENT_MAX_BYTES: number = 1024 * 1024;

/** The `schemaVersion` of every document that this program writes, and the only one that it reads. */
const SCHEMA_VERSION = 1;

/** How one kind of document looks: a valibot object schema of everything but `schemaVersion`. */
export type DocumentSchema = v.ObjectSchema<v.ObjectEntries, undefined>;

/** A document as it was read. */
export interface ReadDocument<S extends DocumentSchema> {
  readonly value: v.InferOutput<S>;
  /** What the file holds, for {@link rewriteDocument}. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/**
 * Reads a document.
 *
 * @throws NodeError `STORE_CORRUPT` with the metadata `file` and `field` when it is no document of this kind, be it
 *   damaged, too large, of a later version or not a regular file
 * @throws the errno of anything else, `ENOENT` among them
 */
export async function readDocument<S extends DocumentSchema>(
  fs: FsOps,
  file: string,
  schema: S,
): Promise<ReadDocument<S>> {
  const raw = await readJsonObject(fs, file);
  return { value: decodeDocument(raw, file, schema), raw };
}

/**
 * Reads what is in a document.
 *
 * @throws NodeError `STORE_CORRUPT` as {@link readDocument}
 */
export function decodeDocument<S extends DocumentSchema>(
  raw: Readonly<Record<string, unknown>>,
  file: string,
  schema: S,
): v.InferOutput<S> {
  const version = raw.schemaVersion;
  if (version !== SCHEMA_VERSION) {
    const later = typeof version === "number" && version > SCHEMA_VERSION;
    throw corrupt(
      file,
      "schemaVersion",
      later
        ? `is ${version}, written by a later program; this one knows ${SCHEMA_VERSION}`
        : `is ${JSON.stringify(version)}, not ${SCHEMA_VERSION}`,
    );
  }
  const result = v.safeParse(schema, raw);
  if (!result.success) {
    const issue = result.issues[0];
    throw corrupt(file, v.getDotPath(issue) ?? "", issue.message);
  }
  return result.output;
}

/**
 * The JSON object in a file, whatever its fields.
 *
 * @throws as {@link readDocument}
 */
export async function readJsonObject(fs: FsOps, file: string): Promise<Readonly<Record<string, unknown>>> {
  let bytes: Uint8Array;
  try {
    bytes = await fs.readFile(file, DOCUMENT_MAX_BYTES);
  } catch (error) {
    if (isErrno(error, "EFBIG", "EFTYPE", "EISDIR", "ELOOP", "ENXIO")) {
      throw corrupt(file, "", "is not a regular file of at most 1 MiB", error);
    }
    throw error;
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw corrupt(file, "", "is not JSON", error);
  }
  if (!isObject(value)) {
    throw corrupt(file, "", "is not a JSON object");
  }
  return value;
}

/**
 * Reads a document without which its object is not whole.
 *
 * @throws NodeError `STORE_CORRUPT` when it is missing
 */
export async function required<T>(file: string, read: Promise<T>): Promise<T> {
  try {
    return await read;
  } catch (error) {
    throw isErrno(error, "ENOENT") ? corrupt(file, "", "is missing", error) : error;
  }
}

/** The bytes of a new document. @throws NodeError `INVALID_ARGUMENT` when there are more than a document may have */
export function encodeDocument(value: object): Uint8Array {
  return toBytes({ schemaVersion: SCHEMA_VERSION, ...value });
}

/**
 * The bytes of a document that replaces one that was read: the fields of its schema become those of `value`, also by
 * going, and every field that the schema does not know stays.
 *
 * @throws NodeError `INVALID_ARGUMENT` as {@link encodeDocument}
 */
export function rewriteDocument<S extends DocumentSchema>(read: ReadDocument<S>, schema: S, value: object): Uint8Array {
  const unknown = Object.entries(read.raw).filter(([key]) => !Object.hasOwn(schema.entries, key));
  return toBytes({ ...Object.fromEntries(unknown), ...value, schemaVersion: SCHEMA_VERSION });
}

/** A document that cannot be used. `field` is empty when it is the whole. */
export function corrupt(file: string, field: string, why: string, cause?: unknown): NodeError {
  return new NodeError("STORE_CORRUPT", `${file}: ${field === "" ? "the document" : field} ${why}`, {
    metadata: { file, field },
    cause,
  });
}

/** What would not be read back is not written. */
function toBytes(value: object): Uint8Array {
  const bytes = new TextEncoder().encode(`${JSON.stringify(value)}\n`);
  if (bytes.length > DOCUMENT_MAX_BYTES) {
    throw new NodeError("INVALID_ARGUMENT", `${bytes.length} bytes are too many for a document of at most 1 MiB`);
  }
  return bytes;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
