import { isDeepStrictEqual } from "node:util";
import { ENVELOPE_MAX_BYTES, type Envelope, NodeError, parseEnvelope } from "@nodemanager/core";
import { checkSize, envelopeDocument } from "../envelope-size.ts";
import { readSmallFile, writeNewFile } from "./durable-file.ts";

/**
 * Reads an envelope that is published for a version.
 *
 * @returns nothing when there is no such file
 * @throws NodeError `INVALID_ENVELOPE` naming the file and the field
 */
export async function readEnvelopeFile(path: string, version: string): Promise<Envelope | undefined> {
  const text = await readSmallFile(path, {
    maxBytes: ENVELOPE_MAX_BYTES,
    tooLarge: () => new NodeError("INVALID_ENVELOPE", `${path} has more than ${ENVELOPE_MAX_BYTES} bytes`),
  });
  if (text === undefined) {
    return undefined;
  }
  const envelope = parseEnvelope(text, path);
  if (envelope.version !== version) {
    throw new NodeError("INVALID_ENVELOPE", `envelope from ${path}: version: is ${envelope.version} below ${version}`, {
      metadata: { field: "version" },
    });
  }
  return envelope;
}

/** Writes an envelope to a new file, durably but for its name. */
export async function writeEnvelopeFile(path: string, envelope: Envelope): Promise<void> {
  await writeNewFile(path, envelopeDocument(checkSize(envelope, "the publisher")));
}

/**
 * Whether just this envelope is in the file.
 *
 * @throws NodeError `ALREADY_EXISTS` when another one is
 */
export async function isPublished(path: string, envelope: Envelope): Promise<boolean> {
  const published = await readEnvelopeFile(path, envelope.version);
  if (published === undefined) {
    return false;
  }
  if (!isDeepStrictEqual(published, envelope)) {
    throw new NodeError(
      "ALREADY_EXISTS",
      `version ${envelope.version} of ${envelope.title} is published with another content; publish a new version`,
      { metadata: { version: envelope.version } },
    );
  }
  return true;
}
