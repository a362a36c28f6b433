import { ResponderBuilder, ServerInterceptingCall, type ServerInterceptor, ServerListenerBuilder } from "@grpc/grpc-js";
import type { CallContext } from "nice-grpc";

// nice-grpc gives handlers no connection, only metadata. A caller's own entry of this name is replaced or removed.
const KEY = "nodemanager-caller-bin";

/** Notes the name in the caller's certificate, for {@link callerIdentity}. */
export const noteCallerIdentity: ServerInterceptor = (_method, call) => {
  const listener = new ServerListenerBuilder()
    .withOnReceiveMetadata((metadata, next) => {
      metadata.remove(KEY);
      const name: unknown = call.getAuthContext().sslPeerCertificate?.subject.CN;
      if (typeof name === "string") {
        metadata.set(KEY, Buffer.from(name));
      }
      next(metadata);
    })
    .build();
  return new ServerInterceptingCall(call, new ResponderBuilder().withStart((next) => next(listener)).build());
};

/** The common name in the certificate that the caller proved to have; nothing without one. */
export function callerIdentity(context: CallContext): string | undefined {
  const name = context.metadata.get(KEY);
  return name && Buffer.from(name).toString("utf8");
}
