import type { OperationEvent } from "@nodemanager/manager";
import type { ObjectEvent } from "@nodemanager/proto/v1";
import { encodeStatus } from "@nodemanager/transport";

/** The responses of an operation: all of them are one event in an envelope of its own name. */
export async function* eventResponses(
  operation: AsyncIterable<OperationEvent>,
): AsyncGenerator<{ readonly event: ObjectEvent }, void> {
  for await (const event of operation) {
    yield { event: eventMessage(event) };
  }
}

function eventMessage(event: OperationEvent): ObjectEvent {
  const { name } = event;
  switch (event.kind) {
    case "progress": {
      const { phase, done, goal, unit } = event;
      return { name, event: { $case: "progress", value: { phase, done: whole(done), goal: whole(goal), unit } } };
    }
    case "outcome": {
      const { object, note, changes = [] } = event;
      const value = { name: object, note, changes: changes.map((change) => ({ ...change })) };
      return { name, event: { $case: "outcome", value } };
    }
    case "error":
      return { name, event: { $case: "error", value: encodeStatus(event.error) } };
  }
}

/** A count that the wire can carry, whatever was counted. */
function whole(count: number): bigint {
  return Number.isFinite(count) && count > 0 ? BigInt(Math.floor(count)) : 0n;
}
