import { type InstallationName, type InstanceName, NodeError, type ObjectName, parseName } from "@nodemanager/core";
import type { InstallationRecord, InstanceRecord, Root } from "@nodemanager/layout";

/** What a name means to an operation. */
export interface Scope<Name> {
  /** The name was full: the operation is about this one object, whether it is there or not. */
  readonly single: boolean;
  readonly names: readonly Name[];
}

/**
 * The installations that a name means.
 *
 * @throws NodeError `INVALID_NAME` and the like; `NOT_APPLICABLE` for `nm` and for an instance;
 *   `APPLICATION_NOT_FOUND` for a title without installations
 */
export async function installationsIn(
  root: Root,
  text: string,
  applies: (record: InstallationRecord) => boolean = () => true,
): Promise<Scope<InstallationName>> {
  const name = parseName(text);
  switch (name.kind) {
    case "installation":
      return { single: true, names: [name] };
    case "apps":
    case "application": {
      const records = await installationRecords(root, name);
      return { single: false, names: records.filter(applies).map((record) => record.name) };
    }
    case "manager":
    case "instance":
      throw notApplicable(text, "an installation, an application or apps");
  }
}

/**
 * The instances that a name means; of a partial name those that the operation applies to.
 *
 * @throws NodeError `INVALID_NAME` and the like; `NOT_APPLICABLE` for `nm`; `APPLICATION_NOT_FOUND`,
 *   `INSTALLATION_NOT_FOUND`
 */
export async function instancesIn(
  root: Root,
  text: string,
  applies: (record: InstanceRecord) => boolean,
): Promise<Scope<InstanceName>> {
  const name = parseName(text);
  switch (name.kind) {
    case "instance":
      return { single: true, names: [name] };
    case "installation":
      await root.installations.read(name);
      return { single: false, names: await instanceNames(root, name, applies) };
    case "apps":
    case "application": {
      const names: InstanceName[] = [];
      for (const record of await installationRecords(root, name)) {
        names.push(...(await instanceNames(root, record.name, applies)));
      }
      return { single: false, names };
    }
    case "manager":
      throw notApplicable(text, "instances");
  }
}

async function installationRecords(
  root: Root,
  name: Extract<ObjectName, { kind: "apps" | "application" }>,
): Promise<InstallationRecord[]> {
  const records: InstallationRecord[] = [];
  let seen = 0;
  for await (const record of root.installations.list(name.kind === "application" ? { title: name.title } : {})) {
    seen++;
    if (record.kind === "installation") {
      records.push(record);
    }
  }
  if (name.kind === "application" && seen === 0) {
    throw new NodeError("APPLICATION_NOT_FOUND", `no application ${JSON.stringify(name.title)} is installed`);
  }
  return records;
}

async function instanceNames(
  root: Root,
  installation: InstallationName,
  applies: (record: InstanceRecord) => boolean,
): Promise<InstanceName[]> {
  const names: InstanceName[] = [];
  for await (const record of root.instances.list(installation)) {
    if (record.kind === "instance" && applies(record)) {
      names.push(record.name);
    }
  }
  return names;
}

function notApplicable(text: string, what: string): NodeError {
  return new NodeError("NOT_APPLICABLE", `this operation takes the name of ${what}, not ${JSON.stringify(text)}`);
}
