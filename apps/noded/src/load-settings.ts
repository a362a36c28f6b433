import { isAbsolute, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type ErrorMetadata, NodeError } from "@nodemanager/core";
import { formatAddress } from "@nodemanager/transport";
import { flagOf, invalid, SETTINGS, type Setting, type Settings, variableOf } from "./settings.ts";
import { type FileValues, readConfigFile, readWorkspaceSettings } from "./settings-files.ts";

/** Where settings come from besides the defaults. */
export interface Sources {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
  readonly home: string;
}

/** The settings, and what of them is handed on. */
export interface LoadedSettings {
  readonly settings: Settings;
  /**
   * What the workspace of the next version says: what was said by flags, variables and the workspace of this one, and
   * which configuration file counts where they are silent. What is in that file stays the operator's to change.
   */
  readonly handedOn: Readonly<Record<string, unknown>>;
  /** Whether all of this is but tried: see `docs/self-update.md`. */
  readonly isTrial: boolean;
}

/** In the metadata of an error: it is the arguments that are wrong, not a file or the environment. */
export const FROM_ARGUMENTS: ErrorMetadata = { source: "arguments" };

const DEFAULT_MAX_BINARY_BYTES = 8 * 1024 ** 3;
/** What belongs to one process and not to the node. */
const NOT_HANDED_ON: readonly (keyof Settings)[] = ["readyFd"];
/** What a trial has no use for once it was found to be right: it serves nobody but who tries it. */
const NOT_TRIED: readonly (keyof Settings)[] = ["readyFd", "tlsCert", "tlsKey", "clientCa"];

/** {@link loadAllSettings} without what is handed on. */
export function loadSettings(sources: Sources): Settings {
  return loadAllSettings(sources).settings;
}

/**
 * Decodes the settings: flags over `NODED_*` over the workspace's own over the configuration file over defaults.
 *
 * @throws NodeError `INVALID_CONFIG` and the reasons of addresses and origins, naming the flag, variable or file and key;
 *   `FORMAT_TOO_NEW` for a file from the future; `INVALID_ARGUMENT` for arguments that make no sense. With
 *   {@link FROM_ARGUMENTS} when it is an argument that is wrong
 */
export function loadAllSettings(sources: Sources): LoadedSettings {
  const flags = parseFlags(sources.args);
  const settingsFile = flags.get("settings")?.[0];
  const workspace = readWorkspaceSettings(settingsFile);
  const configFile = flags.get("config")?.[0] ?? sources.env.NODED_CONFIG ?? workspace.config;
  const configValues = readConfigFile(configFile);
  const decoded: Record<string, unknown> = {};
  const said: Setting[] = [];
  for (const setting of SETTINGS) {
    const own =
      saidBy(setting, flags, sources.env) ?? fromFile(setting, workspace.values, settingsFile ?? "the workspace");
    const found = own ?? fromFile(setting, configValues, configFile ?? "the configuration file");
    if (found) {
      decoded[setting.key] = decode(setting, found);
    }
    if (own && !NOT_HANDED_ON.includes(setting.key)) {
      said.push(setting);
    }
  }
  const settings = complete(decoded, sources);
  return {
    settings: workspace.trial ? onTrial(settings, workspace.trial) : settings,
    handedOn: {
      ...(configFile === undefined ? {} : { config: resolve(configFile) }),
      ...Object.fromEntries(said.map(({ key }) => [key, plain(settings, key)])),
    },
    isTrial: workspace.trial !== undefined,
  };
}

/** The settings with what a trial replaces; that all of them are right is known. */
function onTrial(settings: Settings, trial: FileValues): Settings {
  const replaced: Record<string, unknown> = Object.fromEntries(NOT_TRIED.map((key) => [key, undefined]));
  for (const setting of SETTINGS) {
    const found = fromFile(setting, trial, "trial");
    if (found) {
      replaced[setting.key] = decode(setting, found);
    }
  }
  return { ...settings, ...replaced };
}

/** As a file holds it. */
function plain(settings: Settings, key: keyof Settings): unknown {
  return key === "listen" ? settings.listen.map(formatAddress) : settings[key];
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
  const options: Record<string, { type: "string"; multiple: true }> = {
    config: { type: "string", multiple: true },
    settings: { type: "string", multiple: true },
  };
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

/** What a setting is given as, and where. */
interface Found {
  readonly texts: readonly string[];
  readonly where: string;
  readonly isArgument: boolean;
}

/** What the caller said of a setting. */
function saidBy(setting: Setting, flags: Map<string, readonly string[]>, env: Sources["env"]): Found | undefined {
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
  return undefined;
}

function fromFile(setting: Setting, values: FileValues, path: string): Found | undefined {
  const texts = values.get(setting.key);
  return texts && { texts, where: `${path}: ${setting.key}`, isArgument: false };
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
