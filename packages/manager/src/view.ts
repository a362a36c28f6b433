import {
  compileGlob,
  formatName,
  hasReason,
  type InstallationName,
  type ObjectName,
  parseName,
  type Title,
} from "@nodemanager/core";
import type { BrokenRecord, InstallationRecord, InstanceRecord, Root } from "@nodemanager/layout";
import type { ApplicationStatus, BrokenStatus, InstallationStatus, InstanceStatus, ObjectStatus } from "./status.ts";

/**
 * Every object whose name matches the glob, read from disk: an application before its installations, an installation
 * before its instances. Whatever cannot be read is there as `broken`.
 */
export async function* objects(root: Root, glob: string, signal?: AbortSignal): AsyncGenerator<ObjectStatus> {
  const matches = compileGlob(glob);
  for (const [title, records] of await byTitle(root)) {
    const application: ApplicationStatus = {
      kind: "application",
      name: formatName({ kind: "application", title }),
      installations: records.length,
    };
    if (matches(application.name)) {
      yield application;
    }
    for (const record of records) {
      signal?.throwIfAborted();
      const instances = await instanceStatuses(root, record.name);
      const status = installationStatus(record, instances);
      if (matches(status.name)) {
        yield status;
      }
      for (const instance of instances) {
        if (matches(instance.name)) {
          yield instance;
        }
      }
    }
  }
  for await (const record of root.installations.list()) {
    if (record.kind === "broken" && matches(record.name)) {
      yield brokenStatus(record);
    }
  }
}

/** The status of the object with this full name; `undefined` when there is none. */
export async function objectStatus(root: Root, text: string): Promise<ObjectStatus | undefined> {
  try {
    return await read(root, parseName(text));
  } catch (error) {
    if (hasReason(error, "INSTANCE_NOT_FOUND", "INSTALLATION_NOT_FOUND", "APPLICATION_NOT_FOUND")) {
      return undefined;
    }
    if (hasReason(error, "STORE_CORRUPT")) {
      return { kind: "broken", name: text, error: error.message };
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
    case "installation":
      return installationStatus(await root.installations.read(name), await instanceStatuses(root, name));
    case "application": {
      const installations = (await byTitle(root)).get(name.title)?.length ?? 0;
      return installations > 0 ? { kind: "application", name: formatName(name), installations } : undefined;
    }
    case "apps":
    case "manager":
      return undefined;
  }
}

async function byTitle(root: Root): Promise<Map<Title, InstallationRecord[]>> {
  const titles = new Map<Title, InstallationRecord[]>();
  for await (const record of root.installations.list()) {
    if (record.kind === "installation") {
      const records = titles.get(record.name.title) ?? [];
      records.push(record);
      titles.set(record.name.title, records);
    }
  }
  return new Map([...titles].sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function instanceStatuses(root: Root, name: InstallationName): Promise<(InstanceStatus | BrokenStatus)[]> {
  const statuses: (InstanceStatus | BrokenStatus)[] = [];
  const versions = new Map<string, string>();
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

function installationStatus(
  record: InstallationRecord,
  instances: readonly (InstanceStatus | BrokenStatus)[],
): InstallationStatus {
  return {
    kind: "installation",
    name: formatName(record.name),
    state: record.state,
    origin: record.origin,
    version: record.envelope.version,
    envelope: record.envelope,
    installedAt: record.installedAt,
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
