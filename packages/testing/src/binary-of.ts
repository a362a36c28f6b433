import type { BinaryRef, Envelope } from "@nodemanager/core";

/** The binary of an envelope that must have one. */
export function binaryOf({ title, binary }: Pick<Envelope, "title" | "binary">): BinaryRef {
  if (!binary) {
    throw new Error(`the envelope of ${title} has no binary`);
  }
  return binary;
}
