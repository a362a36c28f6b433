import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { isErrno, NodeError } from "@nodemanager/core";
import type { Io } from "../io.ts";
import type { SomeTlsFiles } from "./target.ts";

/** A node that was saved under a name. */
export interface Context {
  readonly node: string;
  readonly tls?: SomeTlsFiles;
}

/** All saved nodes. Fields that this version does not know are kept. */
export interface Contexts {
  readonly current?: string | undefined;
  readonly contexts: Readonly<Record<string, Context>>;
}

const MAX_BYTES = 1024 * 1024;

/** `$XDG_CONFIG_HOME/nmctl/contexts.json`. */
function contextFile(env: Io["env"]): string {
  return join(env.XDG_CONFIG_HOME || join(env.HOME || homedir(), ".config"), "nmctl/contexts.json");
}

/**
 * Reads the saved nodes; without the file there are none.
 *
 * @throws NodeError `INVALID_CONFIG` naming the file and the field
 */
export async function readContexts(env: Io["env"]): Promise<Contexts> {
  const file = contextFile(env);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) {
      return { contexts: {} };
    }
    throw invalid(file, "it cannot be read", error);
  }
  if (text.length > MAX_BYTES) {
    throw invalid(file, "it is too large");
  }
  return decode(text, file);
}

/**
 * Replaces the saved nodes: whole or not at all, readable by the user only.
 *
 * @throws NodeError `INVALID_CONFIG` when the file cannot be written
 */
export async function writeContexts(env: Io["env"], contexts: Contexts): Promise<void> {
  const file = contextFile(env);
  const temporary = `${file}.${process.pid}`;
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await using handle = await open(temporary, "w", 0o600);
    await handle.writeFile(`${JSON.stringify({ schemaVersion: 1, ...contexts }, undefined, 2)}\n`);
    await handle.sync();
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw invalid(file, "it cannot be written", error);
  }
}

function decode(text: string, file: string): Contexts {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(file, "it is not JSON", error);
  }
  if (!isRecord(value)) {
    throw invalid(file, "it is not an object");
  }
  const { schemaVersion, current, contexts = {} } = value;
  if (schemaVersion !== 1) {
    throw invalid(file, "schemaVersion: this version of nmctl knows 1 only");
  }
  if (current !== undefined && typeof current !== "string") {
    throw invalid(file, "current: it is not a text");
  }
  if (!isRecord(contexts)) {
    throw invalid(file, "contexts: it is not an object");
  }
  const decoded: Record<string, Context> = {};
  for (const [name, context] of Object.entries(contexts)) {
    if (!isContext(context)) {
      throw invalid(file, `contexts.${name}: it has no node, or something in it is not a text`);
    }
    decoded[name] = context;
  }
  return { ...value, current, contexts: decoded };
}

function isContext(value: unknown): value is Context {
  if (!isRecord(value) || typeof value.node !== "string") {
    return false;
  }
  const { tls } = value;
  return tls === undefined || (isRecord(tls) && Object.values(tls).every((file) => typeof file === "string"));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(file: string, why: string, cause?: unknown): NodeError {
  return new NodeError("INVALID_CONFIG", `${file}: ${why}`, { metadata: { file }, cause });
}
