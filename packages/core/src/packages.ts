import * as v from "valibot";
import { NodeError } from "./errors.ts";

/** Which bytes a binary has. */
export interface BinaryRef {
  /** 64 lower-case hexadecimal digits. */
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** A file, or an archive of files, that comes with an application. */
export interface PackageRef extends BinaryRef {
  readonly format: PackageFormat;
}

/** `file`: taken as it is; the archives are unpacked. */
export type PackageFormat = "file" | "tar" | "tar.gz";

/** How many packages an application may have. */
const PACKAGES_MAX = 64;
/** Valibot takes an array for a record and drops these names without a word. */
const DROPPED_NAMES = ["__proto__", "constructor", "prototype"];
/** A relative path, each part of which leads down. */
const PATH_DOWN = /^(?!\.{1,2}(\/|$))[^/\u0000-\u001f]+(\/(?!\.{1,2}(\/|$))[^/\u0000-\u001f]+)*$/u;

const binaryEntries = {
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "is not 64 lower-case hexadecimal digits")),
  sizeBytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
};
export const binarySchema: v.GenericSchema<BinaryRef> = v.object(binaryEntries);

const packageName = v.pipe(
  v.string(),
  v.regex(
    /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/,
    "is not a name of 1 to 64 letters, digits and . _ -, the first no . or -",
  ),
);
const packageRef = v.object({ ...binaryEntries, format: v.picklist(["file", "tar", "tar.gz"]) });

/** By the name of the file or directory that each becomes. */
export const packagesSchema: v.GenericSchema<Readonly<Record<string, PackageRef>>> = v.pipe(
  v.custom<Record<string, PackageRef>>(
    (value) => typeof value === "object" && value !== null && !Array.isArray(value),
    "is not an object",
  ),
  v.check(
    (value) => !DROPPED_NAMES.some((name) => Object.hasOwn(value, name)),
    `has a name that cannot be used: one of ${DROPPED_NAMES.join(", ")}`,
  ),
  v.record(packageName, packageRef),
  v.check((value) => Object.keys(value).length <= PACKAGES_MAX, `has more than ${PACKAGES_MAX} entries`),
);

/**
 * Reads packages from their JSON value.
 *
 * @throws NodeError `INVALID_ARGUMENT` naming the field
 */
export function decodePackages(value: unknown): Readonly<Record<string, PackageRef>> {
  const result = v.safeParse(v.object({ packages: packagesSchema }), { packages: value });
  if (!result.success) {
    const [issue] = result.issues;
    const field = v.getDotPath(issue) ?? "packages";
    throw new NodeError("INVALID_ARGUMENT", `${field}: ${issue.message}`, { metadata: { field } });
  }
  return result.output.packages;
}

/** The packages that a version has: the envelope's, and over those of the same name what the installation was given. */
export function effectivePackages(
  envelope: { readonly packages: Readonly<Record<string, PackageRef>> },
  given: Readonly<Record<string, PackageRef>> = {},
): Readonly<Record<string, PackageRef>> {
  return { ...envelope.packages, ...given };
}

/** The path of a program below the directory of all packages. */
export const commandSchema: v.GenericSchema<string> = v.pipe(
  v.string(),
  v.maxLength(4096),
  v.regex(PATH_DOWN, "is not a relative path without . and .."),
);
