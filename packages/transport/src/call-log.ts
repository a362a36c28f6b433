import { type Logger, NodeError } from "@nodemanager/core";
import { type CallContext, ServerError, type ServerMiddleware } from "nice-grpc";
import { callerIdentity } from "./caller-identity.ts";
import { codeName } from "./code.ts";
import { DETAILS_TRAILER, known, statusFromError } from "./status.ts";

/**
 * What stands around every method of every service: errors leave through the one mapper, and each call leaves one
 * record (`op, status, reason, durationMs, peer`, and over TLS `caller`, the name in its certificate).
 */
export function callLog(logger: Logger): ServerMiddleware {
  return async function* callLogged(call, context) {
    const startedMs = performance.now();
    // What it stays when the caller goes away: then this generator is returned from and never resumed.
    let outcome: { status: string; reason?: string; correlationId?: string } = { status: "CANCELLED" };
    try {
      const response = yield* call.next(call.request, context);
      outcome = { status: "OK" };
      return response;
    } catch (thrown) {
      if (thrown instanceof ServerError) {
        // From a service with a protocol of its own, as health checking is.
        outcome = { status: codeName(thrown.code) };
        throw thrown;
      }
      const error = known(ofCaller(thrown, context) ?? thrown, logger);
      const status = statusFromError(error, logger);
      const { correlationId } = error.metadata;
      outcome = { status: codeName(status.code), reason: error.reason, ...(correlationId && { correlationId }) };
      context.trailer.set(DETAILS_TRAILER, status.details);
      throw new ServerError(status.code, status.message);
    } finally {
      const caller = callerIdentity(context);
      const fields = {
        op: call.method.path,
        ...outcome,
        durationMs: since(startedMs),
        peer: peerOf(context),
        ...(caller !== undefined && { caller }),
      };
      // Health checks come every few seconds and say nothing.
      if (call.method.path.startsWith("/grpc.")) {
        logger.debug("rpc", fields);
      } else {
        logger.info("rpc", fields);
      }
    }
  };
}

/** The caller's own cancellation, in whatever form it comes back. */
function ofCaller(thrown: unknown, context: CallContext): NodeError | undefined {
  return context.signal.aborted && thrown instanceof Error && thrown.name === "AbortError"
    ? new NodeError("CANCELLED", "the caller cancelled", { cause: thrown })
    : undefined;
}

function since(startedMs: number): number {
  return Math.round((performance.now() - startedMs) * 1000) / 1000;
}

/** grpc-js knows no peer of a unix socket. */
function peerOf({ peer }: CallContext): string {
  return peer === "unknown" ? "unix" : peer;
}
