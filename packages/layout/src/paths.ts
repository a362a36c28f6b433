import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import {
  type Envelope,
  type InstallationId,
  type InstallationName,
  type InstanceId,
  type InstanceName,
  isInstallationId,
  isInstanceId,
  type Title,
} from "@nodemanager/core";

/** Names on disk, and nothing else knows them. Every function is pure. */

const VERSION_DIR = /^\d{4,12}-\d{8}T\d{6}Z$/;
const SHA256 = /^[0-9a-f]{64}$/;

export const FORMAT_FILE = "format";
export const NODE_MANAGER = "node-manager";
export const CURRENT = "current";
export const UNINSTALLING = "uninstalling";
export const PREVIOUS = "previous";
export const INSTANCES = "instances";
export const RUN = "run";

/** In a version's directory: its packages, and the archives that they were unpacked from. */
export const PACKAGES = "packages";
export const ARCHIVES = "archives";

const INSTALLATION = "installation-";
const UNINSTALLED = "uninstalled-installation-";
const INSTANCE = "instance-";
const STOPPED = "stopped-instance-";

/** `app-` and the first 32 hexadecimal digits of the SHA-256 of the title's UTF-8. */
export function appDirName(title: Title): string {
  return `app-${createHash("sha256").update(title, "utf8").digest("hex").slice(0, 32)}`;
}

export function isAppDirName(name: string): boolean {
  return /^app-[0-9a-f]{32}$/.test(name);
}

export function installationDir(root: string, name: Omit<InstallationName, "kind">): string {
  return join(root, appDirName(name.title), INSTALLATION + name.installation);
}

export function uninstalledDir(root: string, name: Omit<InstallationName, "kind">): string {
  return join(root, appDirName(name.title), UNINSTALLED + name.installation);
}

export function instanceDir(root: string, name: Omit<InstanceName, "kind">): string {
  return join(installationDir(root, name), INSTANCES, INSTANCE + name.instance);
}

export function stoppedInstanceDir(root: string, name: Omit<InstanceName, "kind">): string {
  return join(installationDir(root, name), INSTANCES, STOPPED + name.instance);
}

export function parseInstallationDirName(name: string): { id: InstallationId; uninstalled: boolean } | undefined {
  const uninstalled = name.startsWith(UNINSTALLED);
  const id = withoutPrefix(name, uninstalled ? UNINSTALLED : INSTALLATION);
  return id !== undefined && isInstallationId(id) ? { id, uninstalled } : undefined;
}

export function parseInstanceDirName(name: string): { id: InstanceId; stopped: boolean } | undefined {
  const stopped = name.startsWith(STOPPED);
  const id = withoutPrefix(name, stopped ? STOPPED : INSTANCE);
  return id !== undefined && isInstanceId(id) ? { id, stopped } : undefined;
}

/** `0001-20261122T091500Z`: the sequence number orders, the time in UTC is for people. */
export function versionDirName(sequence: number, at: Date): string {
  const time = at.toISOString().replace(/[-:]/g, "").replace(/\.\d+/, "");
  return `${String(sequence).padStart(4, "0")}-${time}`;
}

export function isVersionDirName(name: string): boolean {
  return VERSION_DIR.test(name);
}

/** When the version was made, as its directory's name says; of one that another program named, the time may be none. */
export function versionMadeAt(name: string): Date {
  return new Date(name.replace(/^\d+-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));
}

/** The sequence number in a version's directory name. */
export function versionSequence(name: string): number {
  return Number.parseInt(name, 10);
}

/** The program in a version's directory. */
export function programPath(versionDir: string, { command }: Pick<Envelope, "command">): string {
  return command === undefined ? join(versionDir, "bin") : join(versionDir, PACKAGES, command);
}

/** What an instance's `version` link holds. */
export function pinnedVersionTarget(versionName: string): string {
  return `../../${versionName}`;
}

/** The version directory that an instance's `version` link means; undefined if it means something else. */
export function pinnedVersionDir(instance: string, target: string): string | undefined {
  const name = withoutPrefix(target, "../../");
  return name !== undefined && isVersionDirName(name) ? join(dirname(dirname(instance)), name) : undefined;
}

/** What a version's `previous` link holds. */
export function previousVersionTarget(versionName: string): string {
  return `../${versionName}`;
}

/** The version directory that a version's `previous` link means; undefined if it means something else. */
export function previousVersionDir(version: string, target: string): string | undefined {
  const name = withoutPrefix(target, "../");
  return name !== undefined && isEarlierVersion(name, basename(version)) ? join(dirname(version), name) : undefined;
}

/**
 * Whether a version may be the one before another. What is before a version was made before it, so a chain of them has
 * an end; a link to itself or to a later one would have a revert go nowhere and say that it had moved.
 */
function isEarlierVersion(name: string, than: string): boolean {
  return isVersionDirName(name) && versionSequence(name) < versionSequence(than);
}

/** Whether a reset leaves this entry of the root: what the manager itself needs to go on and to be started again. */
export function isKeptByReset(name: string): boolean {
  return [FORMAT_FILE, RUN, NODE_MANAGER].includes(name) || parseLockName(name) !== undefined;
}

export function isSha256(text: string): boolean {
  return SHA256.test(text);
}

export function lockName(generation: number): string {
  return `lock-${generation}`;
}

/** The generation in a lock's name. */
export function parseLockName(name: string): number | undefined {
  const digits = /^lock-(0|[1-9]\d{0,14})$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function withoutPrefix(text: string, prefix: string): string | undefined {
  return text.startsWith(prefix) ? text.slice(prefix.length) : undefined;
}
