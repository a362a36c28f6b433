import { NodeError } from "@nodemanager/core";
import type { EndOptions, OperationOptions, UpdateOptions } from "@nodemanager/manager";
import type { Duration } from "@nodemanager/proto";
import { durationMs } from "@nodemanager/transport";

const REQUEST_ID_MAX_CHARACTERS = 128;

/** Who calls: what nice-grpc knows of a call, as far as we use it. */
export interface Caller {
  readonly signal: AbortSignal;
}

/**
 * What a request says about how to operate.
 *
 * @throws NodeError `INVALID_ARGUMENT`
 */
export function operationOptions(request: { readonly requestId?: string }, caller: Caller): OperationOptions {
  return { signal: caller.signal, requestId: requestIdOf(request.requestId) };
}

/**
 * The same with the deadline of what is ended.
 *
 * @throws NodeError `INVALID_ARGUMENT`
 */
export function endOptions(
  request: { readonly requestId?: string; readonly deadline: Duration | undefined },
  caller: Caller,
): EndOptions {
  return { ...operationOptions(request, caller), deadlineMs: durationMs(request.deadline, "deadline") };
}

/**
 * The same with what is said about an update.
 *
 * @throws NodeError `INVALID_ARGUMENT`
 */
export function updateOptions(
  request: Parameters<typeof endOptions>[0] & { readonly restart: boolean; readonly dryRun: boolean },
  caller: Caller,
): UpdateOptions {
  const { restart, dryRun } = request;
  return { ...endOptions(request, caller), restart, dryRun };
}

/** A glob, or everything when none was given. */
export function globOf(glob: string): string {
  return glob === "" ? "**" : glob;
}

function requestIdOf(id: string | undefined): string | undefined {
  if (id === undefined || id === "") {
    return undefined;
  }
  if ([...id].length > REQUEST_ID_MAX_CHARACTERS) {
    throw new NodeError("INVALID_ARGUMENT", `request_id has at most ${REQUEST_ID_MAX_CHARACTERS} characters`, {
      metadata: { field: "request_id" },
    });
  }
  return id;
}
