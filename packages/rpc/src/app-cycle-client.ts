import { abortError, hasReason, NodeError } from "@nodemanager/core";
import type { AppCycleClient } from "@nodemanager/manager";
import { AppCycleServiceDefinition } from "@nodemanager/proto/v1";
import { parseAddress, type UnixAddress } from "@nodemanager/transport";
import { connect } from "@nodemanager/transport/client";

/** Asks applications to stop in order, over their unix sockets. */
export const appCycleClient: AppCycleClient = {
  async *stop(address, signal) {
    using connection = connect(appAddress(address), { unavailable: "CHILD_PROTOCOL_ERROR" });
    try {
      for await (const { task } of connection.client(AppCycleServiceDefinition).stop({}, { signal })) {
        if (task) {
          yield { progress: task.progress, goal: task.goal };
        }
      }
    } catch (error) {
      if (signal.aborted) {
        throw abortError(signal);
      }
      throw hasReason(error, "CHILD_PROTOCOL_ERROR") ? error : broken(`app cycle service at ${address} failed`, error);
    }
  },
};

/** The manager connects where an application says; that is a socket on this machine and nothing else. */
function appAddress(text: string): UnixAddress {
  let address: ReturnType<typeof parseAddress>;
  try {
    address = parseAddress(text);
  } catch (error) {
    throw broken(`the application named an app cycle address that is none: ${JSON.stringify(text)}`, error);
  }
  if (address.kind !== "unix") {
    throw broken(`the application named an app cycle address that is not a unix socket: ${JSON.stringify(text)}`);
  }
  return address;
}

function broken(message: string, cause?: unknown): NodeError {
  return new NodeError("CHILD_PROTOCOL_ERROR", message, cause === undefined ? {} : { cause });
}
