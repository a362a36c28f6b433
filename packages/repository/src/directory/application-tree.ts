import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { hasReason, isErrno, NodeError, parseAnyTitle } from "@nodemanager/core";
import { decodeFileName, encodeFileName } from "../file-name.ts";
import type { Release } from "../repository.ts";
import { compareVersions, isVersion } from "../version.ts";
import type { RepositoryDir } from "./repository-dir.ts";

const SUFFIX = ".json";

/** Which directories and files there are below `applications/`, by what they are called. Other people's are ignored. */
export class ApplicationTree {
  readonly #dir: RepositoryDir;

  constructor(dir: RepositoryDir) {
    this.#dir = dir;
  }

  /** @throws NodeError `INVALID_NAME` */
  application(application: string): string {
    checkApplication(application);
    return join(this.#dir.applications, encodeFileName(application));
  }

  /** @throws NodeError `INVALID_NAME`, `INVALID_ARGUMENT` */
  version(application: string, version: string): string {
    if (!isVersion(version)) {
      throw new NodeError("INVALID_ARGUMENT", `${JSON.stringify(version)} is not a semantic version`);
    }
    return join(this.application(application), version);
  }

  /** @throws NodeError `INVALID_NAME`, `INVALID_ARGUMENT` */
  file(application: string, version: string, profile: string): string {
    return join(this.version(application, version), this.fileName(profile));
  }

  /** @throws NodeError `INVALID_ARGUMENT` */
  fileName(profile: string): string {
    if (profile === "" || /[/\u0000-\u001f\u007f]/u.test(profile)) {
      throw new NodeError("INVALID_ARGUMENT", `${JSON.stringify(profile)} is not the label of a profile`);
    }
    return encodeFileName(profile, SUFFIX);
  }

  /** The names of all applications in alphabetical order. */
  async names(): Promise<readonly string[]> {
    const names = await entries(this.#dir.applications, "directory");
    return names.flatMap((name) => decodeFileName(name) ?? []).sort();
  }

  /** Every version of an application, the lowest first. */
  async releases(application: string): Promise<readonly Release[]> {
    const versions = (await entries(this.application(application), "directory")).filter(isVersion);
    const releases: Release[] = [];
    for (const version of versions.sort(compareVersions)) {
      const profiles = await this.profiles(application, version);
      if (profiles.length > 0) {
        releases.push({ application, version, profiles });
      }
    }
    return releases;
  }

  /** The profiles that a version is there for, in alphabetical order. */
  async profiles(application: string, version: string): Promise<readonly string[]> {
    const names = await entries(this.version(application, version), "file");
    return names.flatMap((name) => decodeFileName(name, SUFFIX) ?? []).sort();
  }
}

function checkApplication(application: string): void {
  try {
    parseAnyTitle(application);
  } catch (error) {
    if (hasReason(error, "INVALID_TITLE")) {
      throw new NodeError("INVALID_NAME", `the name of an application is a title: ${error.message}`, { cause: error });
    }
    throw error;
  }
}

async function entries(dir: string, kind: "directory" | "file"): Promise<string[]> {
  try {
    // Whatever is called like an envelope counts, so that a FIFO or a link there is an error and not an older version.
    return (await readdir(dir, { withFileTypes: true }))
      .filter((entry) => entry.isDirectory() === (kind === "directory"))
      .map((entry) => entry.name);
  } catch (error) {
    if (isErrno(error, "ENOENT")) {
      return [];
    }
    throw error;
  }
}
