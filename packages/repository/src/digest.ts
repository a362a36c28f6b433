import { type BinaryRef, NodeError } from "@nodemanager/core";

/**
 * Checks that the text is a SHA-256, so that it can be the name of a file.
 *
 * @returns it
 * @throws NodeError `INVALID_ARGUMENT`
 */
export function checkSha256(text: string): string {
  if (!/^[0-9a-f]{64}$/.test(text)) {
    throw new NodeError(
      "INVALID_ARGUMENT",
      `a binary is named by 64 lower-case hexadecimal digits, not ${JSON.stringify(text.slice(0, 80))}`,
    );
  }
  return text;
}

/** Enough of a digest for people to recognise it. */
export function shortDigest(sha256: string): string {
  return sha256.slice(0, 12);
}

export function binaryNotFound(sha256: string): NodeError {
  return new NodeError("BINARY_NOT_FOUND", `the repository has no binary ${sha256}`, { metadata: { sha256 } });
}

export function digestMismatch(ref: BinaryRef, actual: string): NodeError {
  return new NodeError(
    "DIGEST_MISMATCH",
    `binary ${shortDigest(ref.sha256)} is not what it should be: its SHA-256 is ${actual}`,
    { metadata: { expected: ref.sha256, actual } },
  );
}

/** @param actual - bytes, or `more than` so many */
export function sizeMismatch(ref: BinaryRef, actual: string): NodeError {
  return new NodeError(
    "SIZE_MISMATCH",
    `binary ${shortDigest(ref.sha256)} should have ${ref.sizeBytes} bytes and has ${actual}`,
    { metadata: { expectedBytes: String(ref.sizeBytes), actualBytes: actual } },
  );
}
