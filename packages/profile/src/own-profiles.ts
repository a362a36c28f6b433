import { NodeError } from "@nodemanager/core";
import { knownProfiles } from "./known-profiles.ts";
import type { Libc, Library, Profile, Specification } from "./specification.ts";

const LABEL = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/**
 * Reads a file of own profiles: `{"schemaVersion": 1, "profiles": [{"label", "description"?, "needs": {"format"?, "os"?,
 * "arch"?, "libc"?: {"family", "version"?}, "libraries"?: [{"name", "version"?}]}}]}`. A field that is not known is an
 * error: it is a spelling mistake more often than anything else, and then the profile would ask for less than meant.
 *
 * @param source - where it is from, for the message
 * @throws NodeError `INVALID_CONFIG` (metadata `field`) naming the field
 */
export function parseProfiles(text: string, source: string): Profile[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new NodeError("INVALID_CONFIG", `profiles from ${source} are not JSON`, { cause: error });
  }
  const document = new Field(source, "", value).object(["schemaVersion", "profiles"]);
  const version = document.get("schemaVersion");
  if (version.value !== 1) {
    throw version.error("is not 1, the only format that this program knows");
  }
  const labels = new Set(knownProfiles.map((profile) => profile.label));
  return document.get("profiles").array((field) => {
    const profile = decodeProfile(field);
    if (labels.has(profile.label)) {
      throw field.at("label").error(`${JSON.stringify(profile.label)} is there already`);
    }
    labels.add(profile.label);
    return profile;
  });
}

/** The text that {@link parseProfiles} reads back. */
export function formatProfiles(profiles: readonly Profile[]): string {
  return `${JSON.stringify({ schemaVersion: 1, profiles }, undefined, 2)}\n`;
}

function decodeProfile(field: Field): Profile {
  const profile = field.object(["label", "description", "needs"]);
  const label = profile.get("label");
  if (!LABEL.test(label.string())) {
    throw label.error("is not 1 to 128 letters, digits, dots, hyphens and underscores, a letter or digit first");
  }
  const description = profile.get("description");
  return {
    label: label.string(),
    ...(description.value !== undefined && { description: description.string() }),
    needs: decodeNeeds(profile.get("needs")),
  };
}

function decodeNeeds(field: Field): Specification {
  const needs = field.object(["format", "os", "arch", "libc", "libraries"]);
  const libc = needs.get("libc");
  return {
    format: needs.get("format").string(""),
    os: needs.get("os").string(""),
    arch: needs.get("arch").string(""),
    ...(libc.value !== undefined && { libc: decodeLibc(libc) }),
    libraries: needs.get("libraries").array(decodeLibrary, []),
  };
}

function decodeLibc(field: Field): Libc {
  const libc = field.object(["family", "version"]);
  return { family: libc.get("family").string(), version: libc.get("version").string("") };
}

function decodeLibrary(field: Field): Library {
  const library = field.object(["name", "version"]);
  return { name: library.get("name").string(), version: library.get("version").string("") };
}

/** A value and where in the document it is. */
class Field {
  readonly value: unknown;
  readonly #source: string;
  readonly #path: string;

  constructor(source: string, path: string, value: unknown) {
    this.#source = source;
    this.#path = path;
    this.value = value;
  }

  string(missing?: string): string {
    if (this.value === undefined && missing !== undefined) {
      return missing;
    }
    if (typeof this.value !== "string") {
      throw this.error(this.value === undefined ? "is missing" : "is not a string");
    }
    return this.value;
  }

  array<T>(decode: (item: Field) => T, missing?: T[]): T[] {
    if (this.value === undefined && missing !== undefined) {
      return missing;
    }
    if (!Array.isArray(this.value)) {
      throw this.error(this.value === undefined ? "is missing" : "is not an array");
    }
    return this.value.map((item: unknown, i) => decode(this.at(String(i), item)));
  }

  object(keys: readonly string[]): { get(key: string): Field } {
    const value = this.value;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw this.error(value === undefined ? "is missing" : "is not an object");
    }
    const fields = new Map<string, unknown>(Object.entries(value));
    for (const key of fields.keys()) {
      if (!keys.includes(key)) {
        throw this.at(key).error(`is not a field that is known here (${keys.join(", ")} are)`);
      }
    }
    return { get: (key) => this.at(key, fields.get(key)) };
  }

  at(key: string, value?: unknown): Field {
    return new Field(this.#source, this.#path === "" ? key : `${this.#path}.${key}`, value);
  }

  error(what: string): NodeError {
    const field = this.#path || "the document";
    return new NodeError("INVALID_CONFIG", `profiles from ${this.#source}: ${field}: ${what}`, { metadata: { field } });
  }
}
