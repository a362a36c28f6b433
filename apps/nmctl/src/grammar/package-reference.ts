import { decodePackages, type PackageRef } from "@nodemanager/core";
import { usageError } from "./usage-error.ts";

/** What names a package in a repository, as one word: `sha256:DIGEST:SIZE:FORMAT`. */
export function formatPackageReference({ sha256, sizeBytes, format }: PackageRef): string {
  return `sha256:${sha256}:${sizeBytes}:${format}`;
}

/**
 * The packages that `--package NAME=REFERENCE` gives an installation.
 *
 * @throws NodeError `INVALID_ARGUMENT`
 */
export function parsePackageReferences(given: Readonly<Record<string, string>>): Readonly<Record<string, PackageRef>> {
  return decodePackages(
    Object.fromEntries(Object.entries(given).map(([name, text]) => [name, parseReference(name, text)])),
  );
}

function parseReference(name: string, text: string): unknown {
  const [, sha256, size, format] = /^sha256:([^:]*):(\d{1,16}):([^:]*)$/.exec(text) ?? [];
  if (size === undefined) {
    throw usageError(
      `the package ${JSON.stringify(name)} is not named as "repository put" prints it, sha256:DIGEST:SIZE:FORMAT, but ${JSON.stringify(text)}`,
    );
  }
  return { sha256, sizeBytes: Number(size), format };
}
