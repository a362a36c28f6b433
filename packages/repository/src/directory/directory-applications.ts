import { link, mkdir, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import {
  type BinaryRef,
  binariesOf,
  decodeEnvelope,
  type Envelope,
  encodeEnvelope,
  isErrno,
  NodeError,
  newId,
  throwIfAborted,
} from "@nodemanager/core";
import { sizeMismatch } from "../digest.ts";
import type {
  ApplicationRepository,
  BinaryRepository,
  CallOptions,
  Match,
  MatchOptions,
  ProfilesOptions,
  PutOptions,
  Release,
  RemoveOptions,
} from "../repository.ts";
import { profilesOf, releasesOf, selectRelease } from "../selection.ts";
import { isVersion } from "../version.ts";
import { ApplicationTree } from "./application-tree.ts";
import { makeDir, removeDirIfEmpty, syncDir, syncDirIfThere } from "./durable-file.ts";
import { isPublished, readEnvelopeFile, writeEnvelopeFile } from "./envelope-file.ts";
import type { RepositoryDir } from "./repository-dir.ts";
import { repositoryError } from "./repository-error.ts";

// How often somebody else may get in between before that is taken for a fault of the disk.
const ATTEMPTS = 100;

/** The envelopes of a repository's directory: `applications/<name>/<version>/<profile>.json`. */
export class DirectoryApplications implements ApplicationRepository {
  readonly #dir: RepositoryDir;
  readonly #tree: ApplicationTree;
  readonly #binaries: BinaryRepository;

  constructor(dir: RepositoryDir, binaries: BinaryRepository) {
    this.#dir = dir;
    this.#tree = new ApplicationTree(dir);
    this.#binaries = binaries;
  }

  async match(application: string, options: MatchOptions): Promise<Match> {
    return await this.#guard(`matching ${application}`, options, async () => {
      await this.#dir.forReading();
      // What is selected may be removed before it is read; then the selection is made again.
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const releases = await this.#tree.releases(application);
        const { version, profile } = selectRelease(application, releases, options);
        const envelope = await readEnvelopeFile(this.#tree.file(application, version, profile), version);
        if (envelope) {
          return { envelope, profile };
        }
      }
      throw changing(application);
    });
  }

  async put(application: string, options: PutOptions): Promise<void> {
    // As it will be read back, so that equal means equal.
    const envelope = decodeEnvelope(encodeEnvelope(options.envelope), "the caller");
    const profiles = [...new Set(options.profiles)];
    if (profiles.length === 0) {
      throw new NodeError("INVALID_ARGUMENT", `${application}@${envelope.version} is for no profile; name one`);
    }
    if (!isVersion(envelope.version)) {
      throw new NodeError("INVALID_ENVELOPE", `${JSON.stringify(envelope.version)} is not a semantic version`, {
        metadata: { field: "version" },
      });
    }
    await this.#guard(`putting ${application}@${envelope.version}`, options, async () => {
      const names = profiles.map((profile) => this.#tree.file(application, envelope.version, profile));
      await this.#dir.forWriting();
      for (const ref of binariesOf(envelope)) {
        await this.#checkBinary(ref);
      }
      // Somebody else may remove the version, or put it, between looking and doing.
      while (
        !((await this.#putVersion(application, { envelope, profiles })) || (await this.#addProfiles(names, envelope)))
      ) {
        throwIfAborted(options.signal);
      }
    });
  }

  async remove(application: string, options: RemoveOptions = {}): Promise<number> {
    return await this.#guard(`removing ${application}`, options, async () => {
      await this.#dir.forReading();
      const releases = releasesOf(application, await this.#tree.releases(application), options.version);
      const { profile } = options;
      if (profile !== undefined && !profilesOf(releases).includes(profile)) {
        throw new NodeError("PROFILE_NOT_FOUND", `there is no ${application} for profile ${profile}`, {
          metadata: { application, profile },
        });
      }
      let removed = 0;
      for (const release of releases) {
        removed += await this.#removeRelease(release, profile);
      }
      await removeDirIfEmpty(this.#tree.application(application));
      return removed;
    });
  }

  async profiles(application: string, options: ProfilesOptions = {}): Promise<readonly string[]> {
    return await this.#guard(`looking up the profiles of ${application}`, options, async () => {
      await this.#dir.forReading();
      return profilesOf(releasesOf(application, await this.#tree.releases(application), options.version));
    });
  }

  async list(options: CallOptions = {}): Promise<readonly Release[]> {
    return await this.#guard("listing applications", options, async () => {
      await this.#dir.forReading();
      const releases: Release[] = [];
      for (const application of await this.#tree.names()) {
        throwIfAborted(options.signal);
        releases.push(...(await this.#tree.releases(application)));
      }
      return releases;
    });
  }

  async #checkBinary(ref: BinaryRef): Promise<void> {
    const { binary } = await this.#binaries.stat(ref.sha256);
    if (!binary) {
      throw new NodeError("BINARY_NOT_FOUND", `the repository has no binary ${ref.sha256}; upload it first`, {
        metadata: { sha256: ref.sha256 },
      });
    }
    if (binary.sizeBytes !== ref.sizeBytes) {
      throw sizeMismatch(ref, String(binary.sizeBytes));
    }
  }

  /** @returns whether the version was not there and is now, with all its profiles at once */
  async #putVersion(application: string, { envelope, profiles }: PutOptions): Promise<boolean> {
    const versionDir = this.#tree.version(application, envelope.version);
    if ((await this.#tree.profiles(application, envelope.version)).length > 0) {
      return false;
    }
    await using stage = await this.#dir.stage();
    const staged = join(stage.dir, "version");
    await mkdir(staged);
    for (const profile of profiles) {
      await writeEnvelopeFile(join(staged, this.#tree.fileName(profile)), envelope);
    }
    await syncDir(staged);
    await makeDir(this.#tree.application(application));
    try {
      await rename(staged, versionDir);
    } catch (error) {
      // The version is there by now; or the application was removed after it was made.
      if (isErrno(error, "ENOTEMPTY", "EEXIST", "ENOENT")) {
        return false;
      }
      throw error;
    }
    await syncDir(this.#tree.application(application));
    return true;
  }

  /** @returns whether all of them are there now; not so when the version was removed meanwhile */
  async #addProfiles(files: readonly string[], envelope: Envelope): Promise<boolean> {
    const missing: string[] = [];
    for (const file of files) {
      if (!(await isPublished(file, envelope))) {
        missing.push(file);
      }
    }
    if (missing.length > 0) {
      await using stage = await this.#dir.stage();
      const staged = join(stage.dir, newId());
      await writeEnvelopeFile(staged, envelope);
      for (const file of missing) {
        try {
          await link(staged, file);
        } catch (error) {
          if (isErrno(error, "ENOENT") || (isErrno(error, "EEXIST") && !(await isPublished(file, envelope)))) {
            return false;
          }
          if (!isErrno(error, "EEXIST")) {
            throw error;
          }
        }
      }
    }
    // Also when nothing was missing: whoever put it may have crashed before it was durable.
    return await syncDirIfThere(join(files[0] ?? "", ".."));
  }

  async #removeRelease(release: Release, profile: string | undefined): Promise<number> {
    const { application, version } = release;
    try {
      if (profile === undefined) {
        await this.#dir.retire(this.#tree.version(application, version));
        return release.profiles.length;
      }
      await unlink(this.#tree.file(application, version, profile));
    } catch (error) {
      if (isErrno(error, "ENOENT")) {
        return 0;
      }
      throw error;
    }
    await syncDirIfThere(this.#tree.version(application, version));
    await removeDirIfEmpty(this.#tree.version(application, version));
    return 1;
  }

  async #guard<T>(doing: string, options: CallOptions, work: () => Promise<T>): Promise<T> {
    throwIfAborted(options.signal);
    try {
      return await work();
    } catch (error) {
      throw repositoryError(error, doing);
    }
  }
}

function changing(application: string): NodeError {
  return new NodeError("REPOSITORY_UNAVAILABLE", `what there is of ${application} changes all the time; try again`);
}
