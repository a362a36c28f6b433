import {
  hasReason,
  type InstallationName,
  type InstanceName,
  NodeError,
  type ObjectName,
  parseName,
} from "@nodemanager/core";
import type { InstallationRecord, InstanceRecord, Root } from "@nodemanager/layout";
import { type FoundInstallation, installations } from "./found.ts";

/** What a name means to an operation. */
export interface Scope<Name> {
  /** The name was full: the operation is about this one object, whether it is there or not. */
  readonly single: boolean;
  readonly names: readonly Name[];
}

/**
 * The installations that a name means. Of a partial name those that the operation applies to, and those that cannot be
 * read: whether it applies to them nobody can tell, and they must not be passed over in silence.
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
      const found = await foundInstallations(root, name);
      const applying = found.filter(({ record }) => record.kind === "broken" || applies(record));
      return { single: false, names: applying.map((installation) => installation.name) };
    }
    case "manager":
    case "instance":
      throw notApplicable(text, "an installation, an application or apps");
  }
}

/**
 * The instances that a name means, chosen as by {@link installationsIn}; also those of an installation that cannot be
 * read.
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
      await requireInstallation(root, name);
      return { single: false, names: await instanceNames(root, name, applies) };
    case "apps":
    case "application": {
      const names: InstanceName[] = [];
      for (const installation of await foundInstallations(root, name)) {
        names.push(...(await instanceNames(root, installation.name, applies)));
      }
      return { single: false, names };
    }
    case "manager":
      throw notApplicable(text, "instances");
  }
}

async function foundInstallations(
  root: Root,
  name: Extract<ObjectName, { kind: "apps" | "application" }>,
): Promise<FoundInstallation[]> {
  const found: FoundInstallation[] = [];
  let seen = 0;
  for await (const installation of installations(root, name.kind === "application" ? { title: name.title } : {})) {
    seen++;
    if (installation.name) {
      found.push(installation);
    }
  }
  if (name.kind === "application" && seen === 0) {
    throw new NodeError("APPLICATION_NOT_FOUND", `no application ${JSON.stringify(name.title)} is installed`);
  }
  return found;
}

/** One that cannot be read is there all the same. */
async function requireInstallation(root: Root, name: InstallationName): Promise<void> {
  try {
    await root.installations.read(name);
  } catch (error) {
    if (!hasReason(error, "STORE_CORRUPT")) {
      throw error;
    }
  }
}

async function instanceNames(
  root: Root,
  installation: InstallationName,
  applies: (record: InstanceRecord) => boolean,
): Promise<InstanceName[]> {
  const names: InstanceName[] = [];
  for await (const record of root.instances.list(installation)) {
    if (record.kind === "instance") {
      if (applies(record)) {
        names.push(record.name);
      }
      continue;
    }
    const name = parseName(record.name);
    if (name.kind === "instance") {
      names.push(name);
    }
  }
  return names;
}

function notApplicable(text: string, what: string): NodeError {
  return new NodeError("NOT_APPLICABLE", `this operation takes the name of ${what}, not ${JSON.stringify(text)}`);
}
