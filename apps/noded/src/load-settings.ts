import { readFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { parseArgs } from "node:util";
import { type ErrorMetadata, isErrno, NodeError } from "@nodemanager/core";
import { flagOf, invalid, SETTINGS, type Setting, type Settings, variableOf } from "./settings.ts";

/** Where settings come from besides the defaults. */
export interface Sources {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
  readonly home: string;
}

/** In the metadata of an error: it is the arguments that are wrong, not a file or the environment. */
export const FROM_ARGUMENTS: ErrorMetadata = { source: "arguments" };

const DEFAULT_MAX_BINARY_BYTES = 8 * 1024 ** 3;

/**
 * Decodes the settings: flags over `NODED_*` over the configuration file over defaults.
 *
 * @throws NodeError `INVALID_CONFIG` and the reasons of addresses and origins, naming the flag, variable or file and key;
 *   `INVALID_ARGUMENT` for arguments that make no sense. With {@link FROM_ARGUMENTS} when it is an argument that is wrong
 */
export function loadSettings(sources: Sources): Settings {
  const flags = parseFlags(sources.args);
  const configFile = flags.get("config")?.[0] ?? sources.env.NODED_CONFIG;
  const fileValues = configFile === undefined ? new Map<string, readonly string[]>() : readConfigFile(configFile);
  const decoded: Record<string, unknown> = {};
  for (const setting of SETTINGS) {
    const found = findValue(setting, flags, sources.env, fileValues, configFile ?? "");
    if (found) {
      decoded[setting.key] = decode(setting, found);
    }
  }
  return complete(decoded, sources);
}

/** The places that root and everyone else use unless told otherwise. */
export function defaultPlaces(sources: Pick<Sources, "env" | "uid" | "home">): { root: string; socket: string } {
  if (sources.uid === 0) {
    return { root: "/var/lib/noded", socket: "/run/noded/noded.sock" };
  }
  const { XDG_STATE_HOME = "", XDG_RUNTIME_DIR = "" } = sources.env;
  // The specification of these says that empty and relative paths count for nothing.
  const state = isAbsolute(XDG_STATE_HOME) ? XDG_STATE_HOME : join(sources.home, ".local/state");
  const runtime = isAbsolute(XDG_RUNTIME_DIR) ? XDG_RUNTIME_DIR : `/run/user/${sources.uid}`;
  return { root: join(state, "noded"), socket: join(runtime, "noded/noded.sock") };
}

function parseFlags(args: readonly string[]): Map<string, readonly string[]> {
  const options: Record<string, { type: "string"; multiple: true }> = { config: { type: "string", multiple: true } };
  for (const { key } of SETTINGS) {
    options[flagOf(key)] = { type: "string", multiple: true };
  }
  try {
    const { values } = parseArgs({ args: [...args], options, strict: true, allowPositionals: false });
    const flags = new Map<string, readonly string[]>();
    for (const [name, texts] of Object.entries(values)) {
      flags.set(name, (texts ?? []).map(String));
    }
    return flags;
  } catch (error) {
    const [why = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    throw new NodeError("INVALID_ARGUMENT", why, { metadata: FROM_ARGUMENTS, cause: error });
  }
}

function readConfigFile(path: string): Map<string, readonly string[]> {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw invalid(
      isErrno(error) ? `the configuration file ${path} cannot be read: ${error.code}` : `${path} is not JSON`,
      error,
    );
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid(`${path} does not hold an object`);
  }
  const known = new Map(SETTINGS.map((setting) => [setting.key as string, setting]));
  const values = new Map<string, readonly string[]>();
  for (const [key, given] of Object.entries(value)) {
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

/** What a setting is given as, and where. */
interface Found {
  readonly texts: readonly string[];
  readonly where: string;
  readonly isArgument: boolean;
}

function findValue(
  setting: Setting,
  flags: Map<string, readonly string[]>,
  env: Sources["env"],
  file: Map<string, readonly string[]>,
  configFile: string,
): Found | undefined {
  const flag = flags.get(flagOf(setting.key));
  if (flag) {
    return { texts: flag, where: `--${flagOf(setting.key)}`, isArgument: true };
  }
  const variable = env[variableOf(setting.key)];
  if (variable !== undefined && variable !== "") {
    return {
      texts: setting.multiple ? variable.split(",") : [variable],
      where: variableOf(setting.key),
      isArgument: false,
    };
  }
  const texts = file.get(setting.key);
  return texts && { texts, where: `${configFile}: ${setting.key}`, isArgument: false };
}

function decode(setting: Setting, { texts, where, isArgument }: Found): unknown {
  try {
    if (texts.length > 1 && !setting.multiple) {
      throw invalid("it is given more than once");
    }
    return setting.parse(texts);
  } catch (error) {
    if (error instanceof NodeError) {
      const metadata = { ...error.metadata, ...(isArgument && FROM_ARGUMENTS) };
      throw new NodeError(error.reason, `${where}: ${error.message}`, { metadata, cause: error });
    }
    throw error;
  }
}

function complete(decoded: Partial<Settings>, sources: Sources): Settings {
  const places = defaultPlaces(sources);
  const settings: Settings = {
    root: places.root,
    listen: [{ kind: "unix", path: places.socket }],
    shutdownPolicy: "suspend",
    logLevel: "info",
    maxBinaryBytes: DEFAULT_MAX_BINARY_BYTES,
    ...decoded,
  };
  const onNetwork = settings.listen.some((address) => address.kind === "tcp");
  const files = [settings.tlsCert, settings.tlsKey, settings.clientCa].filter((path) => path !== undefined);
  if (onNetwork && files.length < 3) {
    throw invalid("a network address needs --tls-cert, --tls-key and --client-ca: it is never served in the clear");
  }
  if (!onNetwork && files.length > 0) {
    throw invalid("--tls-cert, --tls-key and --client-ca are for a network address, and --listen names none");
  }
  if ((settings.repositoryCert === undefined) !== (settings.repositoryKey === undefined)) {
    throw invalid("--repository-cert and --repository-key go together");
  }
  return settings;
}
