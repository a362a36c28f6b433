import { NodeError } from "@nodemanager/core";
import type { BinaryRepository } from "@nodemanager/repository";

/** What a repository sends instead of a binary: from the offset, with the signal that ends it. */
export type Answer = (offset: number, signal: AbortSignal | undefined) => AsyncIterable<Uint8Array>;

/** A binary repository that answers downloads as it likes, each with the next of the answers, then with the last. */
export function hostileBinaries(...answers: readonly Answer[]): BinaryRepository & { readonly offsets: number[] } {
  const offsets: number[] = [];
  const unused = async (): Promise<never> => {
    throw new Error("not part of this test");
  };
  return {
    offsets,
    open(_sha256, { offset = 0, signal } = {}) {
      const answer = answers[Math.min(offsets.length, answers.length - 1)];
      offsets.push(offset);
      if (!answer) {
        throw new Error("there is no answer");
      }
      return answer(offset, signal);
    },
    stat: unused,
    upload: unused,
    delete: unused,
  };
}

/** The bytes up to a position, and then the line breaks. */
export function brokenAt(bytes: Uint8Array, position: number): Answer {
  return async function* (offset) {
    yield bytes.subarray(offset, position);
    throw new NodeError("REPOSITORY_UNAVAILABLE", "the line broke");
  };
}

/** The bytes up to a position, and then a clean end. */
export function endingAt(bytes: Uint8Array, position: number): Answer {
  return async function* (offset) {
    yield bytes.subarray(offset, Math.max(offset, position));
  };
}

/** The bytes up to a position, and then nothing until it is broken off; what hangs hard does not even notice that. */
export function stallingAt(bytes: Uint8Array, position: number, { hard = false } = {}): Answer {
  return async function* (offset, signal) {
    yield bytes.subarray(offset, position);
    await new Promise((_, reject) => {
      if (!hard) {
        signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      }
    });
  };
}

/** The same byte for ever. */
export const endless: Answer = async function* () {
  for (;;) {
    yield Buffer.alloc(1000, "x");
  }
};
