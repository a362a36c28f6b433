import { abortError, deadlineSignal, NodeError, type Reason } from "@nodemanager/core";
import { ClientError, type ClientMiddleware, Metadata } from "nice-grpc";
import { CODES } from "./code.ts";
import { DETAILS_TRAILER, errorFromStatus } from "./status.ts";

/** What every call takes beside nice-grpc's own options. */
export interface TimeoutOptions {
  /** From now to `DEADLINE_EXCEEDED`; none unless given. The server is told, and gives up by itself. */
  readonly timeoutMs?: number;
}

// grpc-js counts in 32 bits; a day is long enough to be no deadline at all.
const TIMEOUT_MAX_MS = 24 * 60 * 60 * 1000;

/** Who is called, for messages and for what `UNAVAILABLE` means. */
export interface Peer {
  /** As {@link formatAddress} writes it. */
  readonly where: string;
  readonly unavailable: Reason;
  readonly isTls: boolean;
}

/** What stands around every call of every client: deadlines go out, errors come back as `NodeError`. */
export function callErrors(peer: Peer): ClientMiddleware<TimeoutOptions> {
  return async function* callWithErrors(call, { timeoutMs, ...options }) {
    let details: Uint8Array | undefined;
    const ms = timeoutMs === undefined ? undefined : Math.min(Math.max(0, Math.ceil(timeoutMs)), TIMEOUT_MAX_MS);
    using deadline =
      ms === undefined
        ? undefined
        : deadlineSignal(
            ms,
            () => new NodeError("DEADLINE_EXCEEDED", `no answer from ${peer.where} within ${ms} ms`),
            options.signal,
          );
    const signal = deadline?.signal ?? options.signal;
    const metadata = Metadata(options.metadata);
    if (ms !== undefined) {
      metadata.set("grpc-timeout", `${ms}m`);
    }
    try {
      return yield* call.next(call.request, {
        ...options,
        ...(signal && { signal }),
        metadata,
        onTrailer(trailer) {
          details = trailer.get(DETAILS_TRAILER) ?? details;
          options.onTrailer?.(trailer);
        },
      });
    } catch (error) {
      throw signal?.aborted ? abortError(signal) : toNodeError(error, details, peer);
    }
  };
}

function toNodeError(error: unknown, details: Uint8Array | undefined, peer: Peer): unknown {
  if (!(error instanceof ClientError)) {
    return error;
  }
  const status = { code: error.code, message: error.details, details };
  // CANCELLED that nobody here asked for: the peer broke off all calls, as a server does that is out of grace.
  const lost = error.code === CODES.UNAVAILABLE || error.code === CODES.CANCELLED;
  if (details || !lost) {
    return errorFromStatus(status, { unavailable: peer.unavailable, cause: error });
  }
  const problem = certificateProblem(error.details, peer);
  if (/\bconnect (?:EACCES|EPERM)\b/.test(error.details)) {
    return new NodeError("PERMISSION_DENIED", `${peer.where} may not be used by this account`, {
      metadata: { address: peer.where },
      cause: error,
    });
  }
  return problem
    ? new NodeError("UNAUTHENTICATED", `${peer.where}: ${problem}`, { metadata: { address: peer.where }, cause: error })
    : new NodeError(peer.unavailable, `${peer.where} cannot be reached: ${shortly(error.details, peer)}`, {
        metadata: { address: peer.where },
        cause: error,
      });
}

/** Whether one side did not accept the other's certificate, as far as the text says. */
function certificateProblem(text: string, { isTls }: Peer): string | undefined {
  if (/\balert certificate required/i.test(text)) {
    return "it wants a certificate; give one that its client CA has signed";
  }
  if (/\balert (?:certificate|bad certificate|unknown ca|unsupported certificate)/i.test(text)) {
    return "it does not accept our certificate; give one that its client CA has signed";
  }
  if (/certificate|ERR_TLS_/i.test(text)) {
    return "its certificate is not one that we trust for this name; give the CA that has signed it, or its right name";
  }
  // A Node server looks at the certificate after the handshake, and then closes the connection without a word.
  return isTls && CLOSED_AT_ONCE.test(text)
    ? "it closed the connection after the handshake: it probably does not accept our certificate"
    : undefined;
}

const CLOSED_AT_ONCE = /^No connection established\. Last error: (?:Failed to connect|(?:Error: )?read ECONNRESET)/;

/** What the system said, out of what grpc-js wraps around it. */
function shortly(text: string, { isTls }: Peer): string {
  if (!isTls && CLOSED_AT_ONCE.test(text)) {
    return "it closed the connection at once; it may want TLS";
  }
  if (/wrong version number/.test(text)) {
    return "it does not speak TLS";
  }
  const system = /\b(?:connect|read|write) E[A-Z]+/.exec(text)?.[0];
  return (
    system ??
    (text.replace(/^No connection established\. Last error: |\.? *Resolution note:.*$/gs, "") || "it broke off")
  );
}
