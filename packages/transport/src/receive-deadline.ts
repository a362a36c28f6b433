import { ResponderBuilder, ServerInterceptingCall, type ServerInterceptor, ServerListenerBuilder } from "@grpc/grpc-js";
import { CODES } from "./code.ts";

/**
 * Ends a call whose first message has not come within the time. A caller that sends it byte by byte costs about 200 bytes
 * of memory for each until it is whole; this ends that.
 */
export function receiveDeadline(ms: number): ServerInterceptor {
  return (_method, call) => {
    let timer: NodeJS.Timeout | undefined;
    const listener = new ServerListenerBuilder()
      .withOnReceiveMessage((message, next) => {
        clearTimeout(timer);
        next(message);
      })
      .withOnReceiveHalfClose((next) => {
        clearTimeout(timer);
        next();
      })
      .withOnCancel(() => clearTimeout(timer))
      .build();
    const responder = new ResponderBuilder()
      .withStart((next) => {
        timer = setTimeout(
          () => call.sendStatus({ code: CODES.DEADLINE_EXCEEDED, details: `no message within ${ms} ms` }),
          ms,
        ).unref();
        next(listener);
      })
      .build();
    return new ServerInterceptingCall(call, responder);
  };
}
