import { isReason, type Logger, NodeError, newId, REASONS, type Reason } from "@nodemanager/core";
import { Any, ErrorInfo, RetryInfo, Status } from "@nodemanager/proto";
import { CODES, codeName, reasonOfCode } from "./code.ts";

/** A failure as gRPC carries it. */
export interface WireStatus {
  /** As in google.rpc.Code; never 0. */
  readonly code: number;
  readonly message: string;
  /** A serialised google.rpc.Status: the value of `grpc-status-details-bin`. */
  readonly details: Uint8Array;
}

/** The domain of our reasons in google.rpc.ErrorInfo. */
export const ERROR_DOMAIN = "nodemanager.dev";

/** The trailer that carries {@link WireStatus.details}. */
export const DETAILS_TRAILER = "grpc-status-details-bin";

// Trailers are headers: many peers refuse more than 16 KiB of them, and base64 adds a third.
const MESSAGE_MAX_CHARACTERS = 2048;
const METADATA_MAX_CHARACTERS = 4096;
const RETRY_DELAY_S = { yes: 1n, later: 5n } as const;
const TYPE_PREFIX = "type.googleapis.com/";

/**
 * What is sent for an error. A `NodeError` is sent with its reason, message and metadata, never with its cause; anything
 * else is logged whole under a correlation id, and only that id is sent.
 */
export function statusFromError(error: unknown, logger: Logger): WireStatus {
  const status = encodeStatus(known(error, logger));
  return { code: status.code, message: status.message, details: Status.encode(status).finish() };
}

/** A `NodeError` as it is; anything else as `INTERNAL` with a correlation id, under which it is logged. */
export function known(error: unknown, logger: Logger): NodeError {
  if (error instanceof NodeError) {
    return error;
  }
  const correlationId = newId();
  logger.error("unexpected error", { correlationId, error: describe(error) });
  return new NodeError("INTERNAL", `internal error; the log says more under ${correlationId}`, {
    metadata: { correlationId },
    cause: error,
  });
}

/**
 * The failure that a call ended with.
 *
 * @param unavailable - what `UNAVAILABLE` without a reason of ours means to this caller
 */
export function errorFromStatus(
  status: { readonly code: number; readonly message: string; readonly details?: Uint8Array | undefined },
  options: { readonly unavailable?: Reason; readonly cause?: unknown } = {},
): NodeError {
  const decoded = decodeDetails(status.details) ?? { code: status.code, message: status.message, details: [] };
  return decodeStatus(decoded, options);
}

/** The message that carries an error inside another one, as in an event of a batch. */
export function encodeStatus(error: NodeError): Status {
  const { status, retry } = REASONS[error.reason];
  const info = { reason: error.reason, domain: ERROR_DOMAIN, metadata: bounded(error.metadata) };
  const details: Any[] = [
    Any.create({
      typeUrl: `${TYPE_PREFIX}google.rpc.ErrorInfo`,
      value: Buffer.from(ErrorInfo.encode(info).finish()),
    }),
  ];
  if (retry !== "no") {
    const delay = RetryInfo.create({ retryDelay: { seconds: RETRY_DELAY_S[retry], nanos: 0 } });
    details.push(
      Any.create({
        typeUrl: `${TYPE_PREFIX}google.rpc.RetryInfo`,
        value: Buffer.from(RetryInfo.encode(delay).finish()),
      }),
    );
  }
  return { code: CODES[status], message: cut(error.message, MESSAGE_MAX_CHARACTERS), details };
}

/**
 * The error that {@link encodeStatus} was given. A reason that this program does not know, from a newer peer, becomes
 * the general one of its status, with `peerReason` in the metadata.
 */
export function decodeStatus(
  status: Status,
  options: { readonly unavailable?: Reason; readonly cause?: unknown } = {},
): NodeError {
  const info = errorInfo(status);
  const cause = options.cause === undefined ? {} : { cause: options.cause };
  const general = reasonOfCode(status.code, options.unavailable ?? "NODE_UNAVAILABLE");
  if (!info) {
    return new NodeError(general, status.message || codeName(status.code), {
      metadata: general === "INTERNAL" ? { status: codeName(status.code) } : {},
      ...cause,
    });
  }
  if (!isReason(info.reason)) {
    return new NodeError(general, status.message, {
      metadata: { ...info.metadata, peerReason: info.reason },
      ...cause,
    });
  }
  return new NodeError(info.reason, status.message, { metadata: { ...info.metadata }, ...cause });
}

function decodeDetails(details: Uint8Array | undefined): Status | undefined {
  if (!details) {
    return undefined;
  }
  try {
    const status = Status.decode(details);
    return status.code === 0 ? undefined : status;
  } catch {
    // A peer that sends garbage here has still sent a code and a message.
    return undefined;
  }
}

function errorInfo(status: Status): ErrorInfo | undefined {
  for (const detail of status.details) {
    if (!detail.typeUrl.endsWith("/google.rpc.ErrorInfo")) {
      continue;
    }
    try {
      const info = ErrorInfo.decode(detail.value);
      if (info.domain === ERROR_DOMAIN) {
        return info;
      }
    } catch {
      // As above: the rest of the status is still good.
    }
  }
  return undefined;
}

function bounded(metadata: Readonly<Record<string, string>>): Record<string, string> {
  const result: Record<string, string> = {};
  let left = METADATA_MAX_CHARACTERS;
  for (const [key, value] of Object.entries(metadata)) {
    const text = cut(value, left);
    left -= text.length;
    result[key] = text;
  }
  return result;
}

function cut(text: string, max: number): string {
  const whole = text.toWellFormed();
  return whole.length <= max ? whole : `${whole.slice(0, Math.max(0, max - 1)).toWellFormed()}…`;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) {
    return String(error);
  }
  const own = error.stack ?? `${error.name}: ${error.message}`;
  return error.cause === undefined ? own : `${own}\ncaused by ${describe(error.cause)}`;
}
