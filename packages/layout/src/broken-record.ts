import { fromErrno } from "@nodemanager/core";
import type { BrokenRecord } from "./records.ts";

/** A record of what cannot be read. */
export function brokenRecord(name: string, file: string, error: unknown): BrokenRecord {
  const known = fromErrno(error, `reading ${name}`);
  return { kind: "broken", name, file: known.metadata.file ?? file, error: known };
}
