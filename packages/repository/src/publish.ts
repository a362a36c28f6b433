import {
  type BinaryRef,
  type Clock,
  decodeEnvelope,
  type Envelope,
  NodeError,
  type Readiness,
  type StopPolicy,
} from "@nodemanager/core";
import { BinaryFile } from "./binary-file.ts";
import type { OnProgress, Repository } from "./repository.ts";
import type { TransferTuning } from "./transfer.ts";
import { uploadBinary } from "./upload-binary.ts";

/** An envelope as a publisher gives it: without the binary, and with defaults for what is not there. */
export interface ApplicationDescription {
  readonly version: string;
  /** The name of the application unless given. */
  readonly title?: string | undefined;
  readonly args?: readonly string[] | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly readiness?: ReadinessInput | undefined;
  readonly stop?: Partial<StopPolicy> | undefined;
  readonly publisher?: string | undefined;
}

/** A readiness whose times and host may be left to their defaults. */
export type ReadinessInput = Readiness extends infer Kind
  ? Kind extends Readiness
    ? Omit<Kind, "timeoutMs" | "settleMs" | "host"> &
        Partial<Pick<Kind, keyof Kind & ("timeoutMs" | "settleMs" | "host")>>
    : never
  : never;

export interface PublishOptions {
  /** The executable file. */
  readonly file: string;
  readonly to: Repository;
  /** Its name in the repository. */
  readonly application: string;
  readonly description: ApplicationDescription;
  readonly profiles: readonly string[];
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
  /** Of the upload. */
  readonly onProgress?: OnProgress | undefined;
  readonly tuning?: Partial<TransferTuning> | undefined;
}

export interface Published {
  readonly envelope: Envelope;
}

/**
 * Publishes a file as a version of an application: the binary first, then the envelope, so that nobody sees an envelope
 * without its binary. Publishing the same again changes nothing; after a failure, call it again.
 *
 * @throws NodeError `INVALID_ARGUMENT` when the file is not a readable regular file, or no profile is given
 * @throws NodeError `INVALID_ENVELOPE`, `INVALID_TITLE`, `RESERVED_TITLE`, `INVALID_NAME`
 * @throws NodeError `ALREADY_EXISTS` when the version is published with another content
 * @throws NodeError `DIGEST_MISMATCH` when the file changed while it was read
 */
export async function publish(options: PublishOptions): Promise<Published> {
  const { file, to, application, profiles, signal } = options;
  if (profiles.length === 0) {
    throw new NodeError("INVALID_ARGUMENT", `${application} is published for no profile; name at least one`);
  }
  const describe = (binary: BinaryRef) =>
    decodeEnvelope({ title: application, ...given(options.description), binary }, "the publisher");
  // Anything wrong with it is said before the file is read and sent.
  describe({ sha256: "0".repeat(64), sizeBytes: 0 });
  await using binary = await BinaryFile.open(file);
  const ref = await binary.ref(signal);
  const envelope = describe(ref);
  await uploadBinary({
    ...options,
    to: to.binaries,
    ref,
    source: (offset) => binary.read(offset, signal),
  });
  await to.applications.put(application, { profiles, envelope, signal });
  return { envelope };
}

/** Without the fields that are `undefined`, which are as good as missing here. */
function given(description: ApplicationDescription): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(description).filter(([, value]) => value !== undefined));
}
