import { readFileSync } from "node:fs";
import { isErrno, NodeError } from "@nodemanager/core";
import { invalid, SETTINGS } from "./settings.ts";

/** What a file says, by the keys of the settings: the texts of each. */
export type FileValues = ReadonlyMap<string, readonly string[]>;

/** What the settings of a workspace say. */
export interface WorkspaceSettings {
  /** What was said when the version before it was started. */
  readonly values: FileValues;
  /** The configuration file that counts where these are silent. */
  readonly config: string | undefined;
  /** What replaces the values of the same keys in a trial, once all of them were found to be right. */
  readonly trial: FileValues | undefined;
}

/** The `schemaVersion` that is written, and the newest that is read. */
const SETTINGS_SCHEMA = 1;

const NOTHING: FileValues = new Map();

/**
 * Reads a configuration file: a JSON object with the settings' keys and perhaps a `schemaVersion`.
 *
 * @throws NodeError `INVALID_CONFIG` naming file and key; `FORMAT_TOO_NEW` when a later program wrote it
 */
export function readConfigFile(path: string | undefined): FileValues {
  return path === undefined ? NOTHING : valuesOf(readObject(path), path);
}

/**
 * Reads the settings of a workspace: those of a configuration file, and `config` and `trial`.
 *
 * @throws as {@link readConfigFile}
 */
export function readWorkspaceSettings(path: string | undefined): WorkspaceSettings {
  if (path === undefined) {
    return { values: NOTHING, config: undefined, trial: undefined };
  }
  const { config, trial, ...own } = readObject(path);
  if (config !== undefined && typeof config !== "string") {
    throw invalid(`${path}: config is not the path of a file`);
  }
  if (trial !== undefined && !isObject(trial)) {
    throw invalid(`${path}: trial is not an object`);
  }
  return {
    values: valuesOf(own, path),
    config,
    trial: trial && valuesOf(trial, `${path}: trial`),
  };
}

function readObject(path: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw invalid(
      isErrno(error) ? `the configuration file ${path} cannot be read: ${error.code}` : `${path} is not JSON`,
      error,
    );
  }
  if (!isObject(value)) {
    throw invalid(`${path} does not hold an object`);
  }
  const { schemaVersion = SETTINGS_SCHEMA, ...rest } = value;
  if (typeof schemaVersion !== "number" || !Number.isInteger(schemaVersion) || schemaVersion < 1) {
    throw invalid(`${path}: schemaVersion is ${JSON.stringify(schemaVersion)}, not ${SETTINGS_SCHEMA}`);
  }
  // Before anything else in it is looked at: what it means is not known.
  if (schemaVersion > SETTINGS_SCHEMA) {
    throw new NodeError(
      "FORMAT_TOO_NEW",
      `${path} has schemaVersion ${schemaVersion}, this manager knows ${SETTINGS_SCHEMA}; use the manager that wrote it, or a newer one`,
      { metadata: { found: String(schemaVersion), supported: String(SETTINGS_SCHEMA) } },
    );
  }
  return rest;
}

function valuesOf(object: Readonly<Record<string, unknown>>, path: string): FileValues {
  const known = new Map(SETTINGS.map((setting) => [setting.key as string, setting]));
  const values = new Map<string, readonly string[]>();
  for (const [key, given] of Object.entries(object)) {
    const setting = known.get(key);
    if (!setting) {
      throw invalid(`${path}: there is no setting ${JSON.stringify(key)}`);
    }
    const items: unknown[] = Array.isArray(given) ? given : [given];
    if (Array.isArray(given) && !setting.multiple) {
      throw invalid(`${path}: ${key} takes one value`);
    }
    if (!items.every((item) => typeof item === "string" || typeof item === "number")) {
      throw invalid(`${path}: ${key} is neither text nor a number`);
    }
    values.set(key, items.map(String));
  }
  return values;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
