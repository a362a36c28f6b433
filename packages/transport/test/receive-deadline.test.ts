import { once } from "node:events";
import { connect } from "node:http2";
import { ConfigServiceDefinition } from "@nodemanager/proto/v1";
import { createServer } from "nice-grpc";
import { expect, test } from "vitest";
import { receiveDeadline } from "../src/receive-deadline.ts";

test("a call whose message does not come in time is ended; one whose message has come may take longer", async () => {
  const deadlineMs = 100;
  const server = createServer({ interceptors: [receiveDeadline(deadlineMs)] });
  const finish = Promise.withResolvers<void>();
  server.add(ConfigServiceDefinition, {
    async set() {
      await finish.promise;
      return {};
    },
  });
  const session = connect(`http://127.0.0.1:${await server.listen("127.0.0.1:0")}`);
  const call = () =>
    session.request({
      ":method": "POST",
      ":path": "/nodemanager.v1.ConfigService/Set",
      "content-type": "application/grpc",
      te: "trailers",
    });
  try {
    const whole = call();
    whole.end(Buffer.from([0, 0, 0, 0, 0]));
    const torn = call();
    torn.write(Buffer.from([0, 0, 0]));
    const [headers] = await once(torn, "response");
    expect(headers["grpc-status"]).toBe("4");
    finish.resolve();
    const trailers = once(whole, "trailers");
    whole.resume();
    expect((await trailers)[0]["grpc-status"]).toBe("0");
  } finally {
    session.destroy();
    server.forceShutdown();
  }
});
