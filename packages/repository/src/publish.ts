import { type Clock, type Envelope, NodeError, type Readiness, type StopPolicy } from "@nodemanager/core";
import type { OnProgress, Repository } from "./repository.ts";

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
  readonly onProgress?: OnProgress | undefined;
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
export async function publish(_options: PublishOptions): Promise<Published> {
  throw new NodeError("NOT_IMPLEMENTED", "not yet");
}
