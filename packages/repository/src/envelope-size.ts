import { ENVELOPE_MAX_BYTES, type Envelope, encodeEnvelope, NodeError } from "@nodemanager/core";

/** The JSON document of an envelope. */
export function envelopeDocument(envelope: Envelope): string {
  return `${JSON.stringify(encodeEnvelope(envelope), undefined, 2)}\n`;
}

/**
 * Checks that an envelope could be a document, whichever way it came.
 *
 * @param source - where it is from, for the message
 * @returns it
 * @throws NodeError `INVALID_ENVELOPE`
 */
export function checkSize(envelope: Envelope, source: string): Envelope {
  if (Buffer.byteLength(envelopeDocument(envelope)) > ENVELOPE_MAX_BYTES) {
    throw new NodeError(
      "INVALID_ENVELOPE",
      `envelope from ${source} has more than ${ENVELOPE_MAX_BYTES} bytes as JSON`,
    );
  }
  return envelope;
}
