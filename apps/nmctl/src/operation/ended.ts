import { NodeError } from "@nodemanager/core";
import { ErrorInfo, RetryInfo, type Status } from "@nodemanager/proto";
import { ObjectEvent, type Outcome } from "@nodemanager/proto/v1";
import { decodeStatus, encodeStatus } from "@nodemanager/transport";

/** How an operation ended for one object. */
export type Ended =
  | { readonly kind: "outcome"; readonly name: string; readonly outcome: Outcome }
  | { readonly kind: "error"; readonly name: string; readonly error: NodeError };

/** What an event says about the end of its object, if it does. */
export function endOf(event: ObjectEvent): Ended | undefined {
  switch (event.event?.$case) {
    case "outcome":
      return { kind: "outcome", name: event.name, outcome: event.event.value };
    case "error":
      return { kind: "error", name: event.name, error: decodeStatus(event.event.value) };
    default:
      return undefined;
  }
}

/** Of several objects, those with which there was nothing to do have not failed. */
export async function* withoutNothingToDo(
  events: AsyncIterable<ObjectEvent | Ended>,
): AsyncGenerator<ObjectEvent | Ended> {
  for await (const event of events) {
    const ended = "kind" in event ? event : endOf(event);
    const note = ended?.kind === "error" ? nothingToDo(ended.error) : undefined;
    yield ended && note !== undefined
      ? { kind: "outcome", name: ended.name, outcome: { name: ended.name, note, changes: [] } }
      : event;
  }
}

function nothingToDo({ reason }: NodeError): string | undefined {
  switch (reason) {
    case "UPDATE_NOT_AVAILABLE":
      return "up to date";
    case "NO_PREVIOUS_VERSION":
      return "nothing to go back to";
    default:
      return undefined;
  }
}

/** The `ObjectEvent` as JSON; the details of an error in the JSON that protocol buffers have for `Any`. */
export function endedToJson(ended: Ended): unknown {
  if (ended.kind === "outcome") {
    return ObjectEvent.toJSON(
      ObjectEvent.create({ name: ended.name, event: { $case: "outcome", value: ended.outcome } }),
    );
  }
  return { name: ended.name, error: statusToJson(encodeStatus(ended.error)) };
}

function statusToJson(status: Status): unknown {
  return {
    code: status.code,
    message: status.message,
    details: status.details.flatMap(({ typeUrl, value }): readonly unknown[] => {
      switch (typeUrl.slice(typeUrl.lastIndexOf("/") + 1)) {
        case "google.rpc.ErrorInfo": {
          const { reason, domain, metadata } = ErrorInfo.decode(value);
          return [{ "@type": typeUrl, reason, domain, metadata }];
        }
        case "google.rpc.RetryInfo":
          return [{ "@type": typeUrl, retry_delay: `${RetryInfo.decode(value).retryDelay?.seconds ?? 0}s` }];
        default:
          return [];
      }
    }),
  };
}

/** What was thrown, as an error of an object; what is not ours is a defect and thrown on. */
export function failed(name: string, error: unknown): Ended {
  if (error instanceof NodeError) {
    return { kind: "error", name, error };
  }
  throw error;
}
