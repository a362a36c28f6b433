import { basename, join } from "node:path";
import { formatName, type InstanceName, isErrno, NodeError } from "@nodemanager/core";
import type * as v from "valibot";
import { brokenRecord } from "./broken-record.ts";
import type { LayoutContext } from "./context.ts";
import { corrupt, type DocumentSchema, decodeDocument, readDocument, readJsonObject } from "./document.ts";
import {
  instanceDocument,
  lastExitDocument,
  launchDocument,
  moveDocument,
  readyDocument,
  stopClaimDocument,
  stoppedDocument,
  suspensionDocument,
} from "./documents.ts";
import { instanceDir, pinnedVersionDir, stoppedInstanceDir } from "./paths.ts";
import type { BrokenRecord, InstanceRecord, InstanceState, Launch, Ready } from "./records.ts";

/** The claim of a launch. */
export const INFO = "info";
/** The claim after a suspend, or the end of its process, took it over. */
export const SUSPENDING = "info.suspending";
/** The claim after a stop took it over. */
export const STOPPING = "info.stopping";
export const READY = "ready";
export const SUSPENDED = "suspended";
export const LAST_EXIT = "last-exit";
export const STOPPED = "stopped";
export const VERSION = "version";
/** How `version` was last moved. */
export const MOVED = "moved";
export const INSTANCE_DOCUMENT = "instance.json";

/** The names of a claim; one that was taken over counts before one that was just made. */
const CLAIMS = [STOPPING, SUSPENDING, INFO] as const;

/** How often a read starts over because a claim moved meanwhile. */
const READS = 100;

/** A claim with what it says. Without a launch it is the claim of a stop on an instance that had no process. */
export interface Claim {
  readonly file: typeof INFO | typeof SUSPENDING | typeof STOPPING;
  readonly launch: Launch | undefined;
  readonly ready: Ready | undefined;
}

/** Reads instances: one listing of the directory says the state, the documents say the rest. Takes no lock. */
export class InstanceReader {
  readonly #context: LayoutContext;
  readonly #root: string;

  constructor(context: LayoutContext, root: string) {
    this.#context = context;
    this.#root = root;
  }

  /**
   * @throws NodeError `INSTANCE_NOT_FOUND`, `STORE_CORRUPT`
   */
  async read(name: InstanceName): Promise<InstanceRecord> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const dir = instanceDir(this.#root, name);
        const names = await this.names(dir);
        if (names) {
          return await this.#record(name, dir, names, () => this.#liveState(dir, names));
        }
        const stoppedDir = stoppedInstanceDir(this.#root, name);
        const stoppedNames = await this.names(stoppedDir);
        if (stoppedNames) {
          return await this.#record(name, stoppedDir, stoppedNames, () => this.#stoppedState(stoppedDir, stoppedNames));
        }
        throw new NodeError("INSTANCE_NOT_FOUND", `there is no instance ${formatName(name)}`);
      } catch (error) {
        // What was listed is gone: a claim moved. What was not listed is reported as missing.
        if (!isErrno(error, "ENOENT") || attempt >= READS) {
          throw error;
        }
      }
    }
  }

  /** Reads one that was listed, as a record in any case; undefined when it is gone by now. */
  async readListed(name: InstanceName): Promise<InstanceRecord | BrokenRecord | undefined> {
    try {
      return await this.read(name);
    } catch (error) {
      if (error instanceof NodeError && error.reason === "INSTANCE_NOT_FOUND") {
        return undefined;
      }
      const dir = instanceDir(this.#root, name);
      return { ...brokenRecord(formatName(name), dir, error), launch: await this.#launchOfBroken(dir) };
    }
  }

  /** What its claim says, whatever else of it cannot be read. */
  async #launchOfBroken(dir: string): Promise<Launch | undefined> {
    try {
      const names = await this.names(dir);
      const file = names && CLAIMS.find((candidate) => names.has(candidate));
      return file && (await this.#launch(join(dir, file)));
    } catch (error) {
      if (error instanceof NodeError || isErrno(error)) {
        return undefined;
      }
      throw error;
    }
  }

  /** The names in an instance's directory; undefined without the directory. */
  async names(dir: string): Promise<ReadonlySet<string> | undefined> {
    try {
      return new Set((await this.#context.fs.readdir(dir)).map((entry) => entry.name));
    } catch (error) {
      if (isErrno(error, "ENOENT")) {
        return undefined;
      }
      throw isErrno(error, "ENOTDIR") ? corrupt(dir, "", "is not a directory", error) : error;
    }
  }

  /** The claim in a directory with these names. One that was taken over counts before one that was just made. */
  async claim(dir: string, names: ReadonlySet<string>): Promise<Claim | undefined> {
    const file = CLAIMS.find((candidate) => names.has(candidate));
    if (file === undefined) {
      return undefined;
    }
    const launch = await this.#launch(join(dir, file));
    const ready = launch && names.has(READY) ? await this.#value(dir, READY, readyDocument) : undefined;
    return { file, launch, ready: ready?.attempt === launch?.attempt ? ready : undefined };
  }

  /** The path of the version that an instance pins. */
  async pinnedVersion(dir: string): Promise<string> {
    const link = join(dir, VERSION);
    let target: string;
    try {
      target = await this.#context.fs.readlink(link);
    } catch (error) {
      throw isErrno(error, "EINVAL") ? corrupt(link, "", "is not a symbolic link", error) : error;
    }
    const versionDir = pinnedVersionDir(dir, target);
    if (versionDir === undefined) {
      throw corrupt(link, "", `points to ${JSON.stringify(target)}, which is no version`);
    }
    return versionDir;
  }

  async #record(
    name: InstanceName,
    dir: string,
    names: ReadonlySet<string>,
    readState: () => Promise<InstanceState>,
  ): Promise<InstanceRecord> {
    for (const needed of [INSTANCE_DOCUMENT, VERSION]) {
      if (!names.has(needed)) {
        throw corrupt(join(dir, needed), "", "is missing");
      }
    }
    const [{ createdAt, requestId }, versionDir, state, lastExit, move] = await Promise.all([
      this.#value(dir, INSTANCE_DOCUMENT, instanceDocument),
      this.pinnedVersion(dir),
      readState(),
      names.has(LAST_EXIT) ? this.#value(dir, LAST_EXIT, lastExitDocument) : undefined,
      names.has(MOVED) ? this.#value(dir, MOVED, moveDocument) : undefined,
    ]);
    return {
      kind: "instance",
      name,
      dir,
      rootDir: join(dir, "root"),
      logsDir: join(dir, "logs"),
      createdAt,
      requestId,
      versionDir,
      lastExit,
      // One that a crash interrupted before its commit says something else, and never was.
      move: move?.to === basename(versionDir) ? move : undefined,
      ...state,
    };
  }

  async #liveState(dir: string, names: ReadonlySet<string>): Promise<InstanceState> {
    const claim = await this.claim(dir, names);
    if (!claim) {
      const suspension = names.has(SUSPENDED) ? await this.#value(dir, SUSPENDED, suspensionDocument) : undefined;
      return { state: "suspended", suspension };
    }
    const { file, launch, ready } = claim;
    if (file === STOPPING || !launch) {
      return { state: "stopping", launch, ready };
    }
    if (file === SUSPENDING) {
      return { state: "suspending", launch, ready };
    }
    return ready ? { state: "running", launch, ready } : { state: "starting", launch };
  }

  async #stoppedState(dir: string, names: ReadonlySet<string>): Promise<InstanceState> {
    if (!names.has(STOPPED)) {
      throw corrupt(join(dir, STOPPED), "", "is missing");
    }
    const { at, requestId } = await this.#value(dir, STOPPED, stoppedDocument);
    return { state: "stopped", at, stopRequestId: requestId };
  }

  async #launch(file: string): Promise<Launch | undefined> {
    const raw = await readJsonObject(this.#context.fs, file);
    if (raw.stop === true) {
      decodeDocument(raw, file, stopClaimDocument);
      return undefined;
    }
    const { attempt, process, startedAt, cgroup, lifeline, requestId } = decodeDocument(raw, file, launchDocument);
    return { attempt, process, startedAt, cgroup, lifeline, requestId };
  }

  async #value<S extends DocumentSchema>(dir: string, name: string, schema: S): Promise<v.InferOutput<S>> {
    return (await readDocument(this.#context.fs, join(dir, name), schema)).value;
  }
}
