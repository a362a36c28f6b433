import { formatName, hasReason, type InstallationName, type InstanceId, type InstanceName } from "@nodemanager/core";
import type { InstanceRecord, Root } from "@nodemanager/layout";

/** How many starts of an installation are remembered by their request ids. */
const REMEMBERED = 4096;

/**
 * Which instance a start with a request id made. It is read from the instances once for each installation and then kept:
 * there is one manager a root, so every start passes through here.
 */
export class StartRequests {
  readonly #root: Root;
  readonly #known = new Map<string, Promise<Map<string, InstanceId>>>();

  constructor(root: Root) {
    this.#root = root;
  }

  /** The instance that was made for a request, also when it was stopped meanwhile; not when it is removed. */
  async find(installation: InstallationName, requestId: string): Promise<InstanceRecord | undefined> {
    const instance = (await this.#instances(installation)).get(requestId);
    if (instance === undefined) {
      return undefined;
    }
    try {
      return await this.#root.instances.read({ ...installation, kind: "instance", instance });
    } catch (error) {
      if (hasReason(error, "INSTANCE_NOT_FOUND")) {
        return undefined;
      }
      throw error;
    }
  }

  /** To be told of every instance that is made for a request. */
  async add(name: InstanceName, requestId: string): Promise<void> {
    const instances = await this.#instances({ ...name, kind: "installation" });
    instances.set(requestId, name.instance);
    for (const oldest of instances.keys()) {
      if (instances.size <= REMEMBERED) {
        break;
      }
      instances.delete(oldest);
    }
  }

  /** To be told of what is uninstalled; without a name, of everything. */
  forget(installation?: InstallationName): void {
    if (installation) {
      this.#known.delete(formatName(installation));
    } else {
      this.#known.clear();
    }
  }

  #instances(installation: InstallationName): Promise<Map<string, InstanceId>> {
    const key = formatName({
      kind: "installation",
      title: installation.title,
      installation: installation.installation,
    });
    const known = this.#known.get(key) ?? this.#read(installation);
    this.#known.set(key, known);
    // A failure to read is not kept: the next call tries again.
    known.catch(() => this.#known.delete(key));
    return known;
  }

  async #read(installation: InstallationName): Promise<Map<string, InstanceId>> {
    const records: InstanceRecord[] = [];
    for await (const record of this.#root.instances.list(installation, { stopped: true })) {
      if (record.kind === "instance" && record.requestId !== undefined) {
        records.push(record);
      }
    }
    records.sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime());
    return new Map(records.slice(-REMEMBERED).map((record) => [record.requestId ?? "", record.name.instance]));
  }
}
