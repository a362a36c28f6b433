import type { BinaryRef, Envelope } from "@nodemanager/core";

/** Where publishers put applications and nodes get them from. */
export interface Repository extends AsyncDisposable {
  /** For people: `file:/srv/repository`. */
  readonly address: string;
  readonly applications: ApplicationRepository;
  readonly binaries: BinaryRepository;
}

/** What every operation takes. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Envelopes by application, version and profile. Everything here may also fail with `REPOSITORY_UNAVAILABLE`. */
export interface ApplicationRepository {
  /**
   * The envelope for the first of the profiles that has one: of the requested version, or else of the highest by the
   * precedence of semantic versions.
   *
   * @throws NodeError `ENVELOPE_NOT_FOUND` when there is no such application
   * @throws NodeError `VERSION_NOT_FOUND` when the application has no such version
   * @throws NodeError `PROFILE_MISMATCH` when it is there for other profiles only; metadata `supported`, `offered`
   * @throws NodeError `INVALID_ENVELOPE` when what is there cannot be read; nothing older is taken instead
   */
  match(application: string, options: MatchOptions): Promise<Match>;
  /**
   * Adds an envelope for each of the profiles. The first put of a version appears with all its profiles at once.
   * Putting the same again changes nothing.
   *
   * @throws NodeError `ALREADY_EXISTS` when the version has another envelope for one of the profiles; nothing changed
   * @throws NodeError `BINARY_NOT_FOUND`, `SIZE_MISMATCH` when the repository does not have the binary it names
   */
  put(application: string, options: PutOptions): Promise<void>;
  /**
   * Removes one version or all, for one profile or all. Binaries stay.
   *
   * @returns how many envelopes were removed, at least 1
   * @throws NodeError `ENVELOPE_NOT_FOUND`, `VERSION_NOT_FOUND`, `PROFILE_NOT_FOUND` when there is nothing to remove
   */
  remove(application: string, options?: RemoveOptions): Promise<number>;
  /**
   * The profiles that a version, or any, is there for, in alphabetical order.
   *
   * @throws NodeError `ENVELOPE_NOT_FOUND`, `VERSION_NOT_FOUND`
   */
  profiles(application: string, options?: ProfilesOptions): Promise<readonly string[]>;
  /** Every version of every application: by name, then from the lowest version to the highest. */
  list(options?: CallOptions): Promise<readonly Release[]>;
}

export interface MatchOptions extends CallOptions {
  /** In the order in which the node prefers them. */
  readonly profiles: readonly string[];
  readonly version?: string | undefined;
}

export interface Match {
  readonly envelope: Envelope;
  /** The one of the asked-for profiles that it is for. */
  readonly profile: string;
}

export interface PutOptions extends CallOptions {
  readonly profiles: readonly string[];
  readonly envelope: Envelope;
}

export interface RemoveOptions extends CallOptions {
  readonly version?: string | undefined;
  readonly profile?: string | undefined;
}

export interface ProfilesOptions extends CallOptions {
  readonly version?: string | undefined;
}

export interface Release {
  readonly application: string;
  readonly version: string;
  readonly profiles: readonly string[];
}

/** Binaries by the SHA-256 of their content. Everything here may also fail with `REPOSITORY_UNAVAILABLE`. */
export interface BinaryRepository {
  /** What is there of a binary; of one that nobody uploaded, nothing. */
  stat(sha256: string, options?: CallOptions): Promise<BinaryStat>;
  /**
   * The bytes from an offset on, in chunks of at most 256 KiB that are the consumer's to keep. Not verified: see
   * `fetchBinary`. A binary that is deleted meanwhile is still read to its end.
   *
   * @throws NodeError `BINARY_NOT_FOUND`
   * @throws NodeError `INVALID_ARGUMENT` when the offset is behind the end
   */
  open(sha256: string, options?: OpenOptions): AsyncIterable<Uint8Array>;
  /**
   * Takes the bytes from an offset on, that is, after what `stat` says was received. The binary becomes visible when all
   * of it is there and is what the digest says. What has arrived is kept when the upload breaks off. A binary that
   * is there already is left alone.
   *
   * @throws NodeError `DIGEST_MISMATCH`, `SIZE_MISMATCH` when it is not what was announced; nothing is kept
   * @throws NodeError `INVALID_ARGUMENT` when less than the offset was received; `stat` again
   */
  upload(ref: BinaryRef, chunks: AsyncIterable<Uint8Array>, options?: UploadOptions): Promise<void>;
  /** @throws NodeError `BINARY_NOT_FOUND` */
  delete(sha256: string, options?: CallOptions): Promise<void>;
}

export interface BinaryStat {
  /** Set when the whole binary is there. */
  readonly binary?: BinaryRef;
  /** How much of an unfinished upload is there and can be continued. */
  readonly receivedBytes: number;
}

export interface OpenOptions extends CallOptions {
  /** 0 unless given. */
  readonly offset?: number | undefined;
}

export interface UploadOptions extends CallOptions {
  /** Where the chunks start in the binary; 0 unless given. */
  readonly offset?: number | undefined;
}

/** Where fetched bytes go. A sink that has bytes already is continued. */
export interface BlobSink {
  write(chunk: Uint8Array): Promise<void>;
  readonly written: number;
}

/** How much of how much is done, in bytes. */
export type OnProgress = (done: number, goal: number) => void;
