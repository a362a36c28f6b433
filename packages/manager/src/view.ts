import {
  compileGlob,
  describeAccount,
  formatName,
  hasReason,
  type InstallationName,
  isGlob,
  type ObjectName,
  parseName,
  parseTitle,
  type Title,
  throwIfAborted,
} from "@nodemanager/core";
import type { BrokenRecord, InstallationRecord, InstanceRecord, Root } from "@nodemanager/layout";
import { type FoundInstallation, installations } from "./found.ts";
import type { ApplicationStatus, BrokenStatus, InstallationStatus, InstanceStatus, ObjectStatus } from "./status.ts";

/** How many segments a name has: `apps/<title>/<installation>/<instance>`. */
const SEGMENTS = { application: 2, installation: 3, instance: 4 };

/**
 * Every object whose name matches the glob, read from disk: an application before its installations, an installation
 * before its instances. Whatever cannot be read is there as `broken`, and so is what is below it. What the glob cannot
 * match is not read.
 *
 * @throws NodeError `INVALID_NAME` for a glob that is none, `CANCELLED`
 */
export async function* objects(root: Root, glob: string, signal?: AbortSignal): AsyncGenerator<ObjectStatus> {
  const matches = compileGlob(glob);
  throwIfAborted(signal);
  if (!isGlob(glob)) {
    const object = await objectStatus(root, glob);
    if (object) {
      yield object;
    }
    return;
  }
  const segments = glob.split("/");
  const depth = segments.includes("**") ? SEGMENTS.instance : segments.length;
  const { titles, strays } = await byTitle(root, literalTitle(segments));
  for (const [title, found] of titles) {
    const application = applicationStatus(title, found.length);
    if (matches(application.name)) {
      yield application;
    }
    for (const installation of depth < SEGMENTS.installation ? [] : found) {
      throwIfAborted(signal);
      for (const object of await withInstances(root, installation)) {
        if (matches(object.name)) {
          yield object;
        }
      }
    }
  }
  for (const stray of strays) {
    if (matches(stray.name)) {
      yield brokenStatus(stray);
    }
  }
}

/** The status of the object with this full name; `undefined` when there is none. */
export async function objectStatus(root: Root, text: string): Promise<ObjectStatus | undefined> {
  try {
    return await read(root, parseName(text));
  } catch (error) {
    if (hasReason(error, "STORE_CORRUPT")) {
      return { kind: "broken", name: text, error: error.message };
    }
    if (
      hasReason(
        error,
        "INSTANCE_NOT_FOUND",
        "INSTALLATION_NOT_FOUND",
        "INVALID_NAME",
        "INVALID_TITLE",
        "RESERVED_TITLE",
      )
    ) {
      return undefined;
    }
    throw error;
  }
}

async function read(root: Root, name: ObjectName): Promise<ObjectStatus | undefined> {
  switch (name.kind) {
    case "instance": {
      const record = await root.instances.read(name);
      return record.state === "stopped" ? undefined : instanceStatus(record, await versionOf(root, record));
    }
    case "installation": {
      const record = await root.installations.read(name);
      return await installationStatus(root, record, await instanceStatuses(root, name, new Map()));
    }
    case "application": {
      const { titles, strays } = await byTitle(root, name.title);
      const found = titles.get(name.title) ?? [];
      const [stray] = strays;
      if (found.length === 0 && stray) {
        return brokenStatus(stray);
      }
      return found.length > 0 ? applicationStatus(name.title, found.length) : undefined;
    }
    case "apps":
    case "manager":
      return undefined;
  }
}

/** The title of which all matches of a glob are, if there is only one. */
function literalTitle([scope, title]: readonly string[]): Title | undefined {
  if (scope !== "apps" || title === undefined || isGlob(title)) {
    return undefined;
  }
  try {
    return parseTitle(title);
  } catch {
    return undefined;
  }
}

async function byTitle(
  root: Root,
  only: Title | undefined,
): Promise<{ titles: ReadonlyMap<Title, readonly FoundInstallation[]>; strays: readonly BrokenRecord[] }> {
  const titles = new Map<Title, FoundInstallation[]>();
  const strays: BrokenRecord[] = [];
  for await (const found of installations(root, { title: only })) {
    if (!found.name) {
      strays.push(found.record);
      continue;
    }
    const ofTitle = titles.get(found.name.title) ?? [];
    ofTitle.push(found);
    titles.set(found.name.title, ofTitle);
  }
  return { titles: new Map([...titles].sort(([a], [b]) => (a < b ? -1 : 1))), strays };
}

async function withInstances(root: Root, { name, record }: FoundInstallation): Promise<ObjectStatus[]> {
  if (record.kind === "broken") {
    return [brokenStatus(record), ...(await instanceStatuses(root, name, new Map()))];
  }
  const instances = await instanceStatuses(root, name, new Map([[record.versionDir, record.envelope.version]]));
  return [await installationStatus(root, record, instances), ...instances];
}

/** @param versions - the semantic versions that are known already, by their directories */
async function instanceStatuses(
  root: Root,
  name: InstallationName,
  versions: Map<string, string>,
): Promise<(InstanceStatus | BrokenStatus)[]> {
  const statuses: (InstanceStatus | BrokenStatus)[] = [];
  for await (const record of root.instances.list(name)) {
    if (record.kind === "broken") {
      statuses.push(brokenStatus(record));
      continue;
    }
    const version = versions.get(record.versionDir) ?? (await versionOf(root, record));
    versions.set(record.versionDir, version);
    statuses.push(instanceStatus(record, version));
  }
  return statuses;
}

/** The semantic version that an instance is pinned to; empty when it cannot be read. */
async function versionOf(root: Root, record: InstanceRecord): Promise<string> {
  try {
    return (await root.instances.version(record)).envelope.version;
  } catch (error) {
    if (hasReason(error, "STORE_CORRUPT", "VERSION_NOT_FOUND")) {
      return "";
    }
    throw error;
  }
}

function applicationStatus(title: Title, installed: number): ApplicationStatus {
  return { kind: "application", name: formatName({ kind: "application", title }), installations: installed };
}

/** The semantic version that a revert of an installation goes back to; empty when there is none that can be read. */
async function previousVersionOf(root: Root, { versionDir }: InstallationRecord): Promise<string> {
  const { versions } = root.installations;
  try {
    const previous = await versions.previous(versionDir);
    return previous === undefined ? "" : (await versions.read(previous)).envelope.version;
  } catch (error) {
    if (hasReason(error, "STORE_CORRUPT")) {
      return "";
    }
    throw error;
  }
}

async function installationStatus(
  root: Root,
  record: InstallationRecord,
  instances: readonly (InstanceStatus | BrokenStatus)[],
): Promise<InstallationStatus> {
  return {
    kind: "installation",
    name: formatName(record.name),
    state: record.state,
    origin: record.origin,
    version: record.envelope.version,
    previousVersion: await previousVersionOf(root, record),
    envelope: record.envelope,
    installedAt: record.installedAt,
    user: record.account ? describeAccount(record.account) : "",
    instances: instances.length,
    running: instances.filter((instance) => instance.kind === "instance" && instance.state === "running").length,
  };
}

function instanceStatus(record: InstanceRecord, version: string): InstanceStatus {
  const launch = "launch" in record ? record.launch : undefined;
  return {
    kind: "instance",
    name: formatName(record.name),
    state: record.state,
    version,
    pid: launch?.process.pid,
    startedAt: launch?.startedAt,
    suspension: record.state === "suspended" ? record.suspension : undefined,
    lastExit: record.lastExit,
    createdAt: record.createdAt,
    rootDir: record.rootDir,
    logsDir: record.logsDir,
  };
}

function brokenStatus(record: BrokenRecord): BrokenStatus {
  return { kind: "broken", name: record.name, error: record.error.message };
}
