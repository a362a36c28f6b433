import { NodeError } from "@nodemanager/core";
import type { Output } from "../output.ts";

/** `claim`. */
export function claim(): Output {
  throw new NodeError(
    "NOT_IMPLEMENTED",
    "claim is not available in this version; start noded with --tls-cert, --tls-key and --client-ca, and use nmctl context set",
  );
}
