import { randomBytes } from "node:crypto";
import type { InstallationId, InstanceId } from "./names.ts";

/** Gives so many random bytes; tests give their own. */
export type RandomBytes = (size: number) => Uint8Array;

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

/** 128 random bits as 26 characters of `a-z2-7`, safe in names, files and URLs. */
export function newId(random: RandomBytes = randomBytes): string {
  let bits = 0;
  let value = 0;
  let id = "";
  for (const byte of random(16)) {
    value = ((value << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      id += ALPHABET[(value >> bits) & 31];
    }
  }
  return id + ALPHABET[(value << (5 - bits)) & 31];
}

export function newInstallationId(random?: RandomBytes): InstallationId {
  return newId(random) as InstallationId;
}

export function newInstanceId(random?: RandomBytes): InstanceId {
  return newId(random) as InstanceId;
}
