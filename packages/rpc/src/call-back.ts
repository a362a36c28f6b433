import { ConfigServiceDefinition } from "@nodemanager/proto/v1";
import { parseAddress } from "@nodemanager/transport";
import { connect } from "@nodemanager/transport/client";

/**
 * Tells a parent something, as a child of it.
 *
 * @throws NodeError `INVALID_ADDRESS`, `NODE_UNAVAILABLE`, `UNKNOWN_CALLBACK`, `INVALID_ARGUMENT`, `ALREADY_EXISTS`
 */
export async function callBack(
  parent: { readonly address: string; readonly callbackId: string },
  key: string,
  value: string,
): Promise<void> {
  using connection = connect(parseAddress(parent.address));
  await connection.client(ConfigServiceDefinition).set({ callbackId: parent.callbackId, key, value });
}
