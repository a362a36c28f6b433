import { join } from "node:path";
import {
  HealthDefinition,
  ServerReflectionDefinition,
  type ServerReflectionResponse,
  ServerReflectionV1AlphaDefinition,
  HealthCheckResponse_ServingStatus as Serving,
} from "@nodemanager/proto";
import { NodeServiceDefinition } from "@nodemanager/proto/v1";
import { collect, reasonOf, tempDir } from "@nodemanager/testing";
import { type Connection, connect } from "@nodemanager/transport/client";
import { type RunningServer, serve } from "@nodemanager/transport/server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readFileDescriptors } from "../src/file-descriptors.ts";
import { fields } from "../src/wire.ts";
import { eventually } from "./eventually.ts";

const stack = new AsyncDisposableStack();
let server: RunningServer;
let connection: Connection;

const nothing = async () => ({});
async function* none(): AsyncGenerator<never, void> {}

beforeAll(async () => {
  const dir = stack.use(await tempDir());
  const address = { kind: "unix", path: join(dir.path, "socket") } as const;
  server = stack.use(
    await serve({
      listen: [address],
      register: (registrar) =>
        registrar.add(NodeServiceDefinition, {
          describe: nothing,
          isRunnable: nothing,
          status: nothing,
          reset: none,
          update: none,
          revert: none,
          shutdown: none,
        }),
    }),
  );
  connection = stack.use(connect(address));
});
afterAll(() => stack.disposeAsync());

describe("health", () => {
  test("of the server and of each service is asked by name", async () => {
    const health = connection.client(HealthDefinition);
    expect(await health.check({ service: "" })).toEqual({ status: Serving.SERVING });
    expect(await health.check({ service: "nodemanager.v1.NodeService" })).toEqual({ status: Serving.SERVING });
    // The protocol says NOT_FOUND, which has no reason of ours.
    await expect(health.check({ service: "nodemanager.v1.Other" })).rejects.toMatchObject({
      metadata: { status: "NOT_FOUND" },
    });
  });

  test("is watched as it changes", async () => {
    const health = connection.client(HealthDefinition);
    const seen: Serving[] = [];
    const controller = new AbortController();
    const watching = (async () => {
      for await (const { status } of health.watch({ service: "" }, { signal: controller.signal })) {
        seen.push(status);
      }
    })();
    await eventually(() => expect(seen).toEqual([Serving.SERVING]));
    server.setServing(false);
    await eventually(() => expect(seen).toEqual([Serving.SERVING, Serving.NOT_SERVING]));
    expect(await health.check({})).toEqual({ status: Serving.NOT_SERVING });
    server.setServing(true);
    await eventually(() => expect(seen).toEqual([Serving.SERVING, Serving.NOT_SERVING, Serving.SERVING]));
    controller.abort();
    expect(await reasonOf(watching)).toBe("CANCELLED");
    for await (const { status } of health.watch({ service: "unknown" })) {
      expect(status).toBe(Serving.SERVICE_UNKNOWN);
      break;
    }
  });
});

type Question = NonNullable<Parameters<typeof ask>[1]>;

async function ask(
  definition: typeof ServerReflectionDefinition | typeof ServerReflectionV1AlphaDefinition,
  messageRequest:
    | { readonly $case: "listServices" | "fileByFilename" | "fileContainingSymbol"; readonly value: string }
    | { readonly $case: "allExtensionNumbersOfType"; readonly value: string }
    | undefined,
): Promise<ServerReflectionResponse["messageResponse"]> {
  async function* requests() {
    yield { host: "", ...(messageRequest && { messageRequest }) };
  }
  const responses = await collect(connection.client(definition).serverReflectionInfo(requests()));
  expect(responses).toHaveLength(1);
  return responses[0]?.messageResponse;
}

async function filesOf(question: Question): Promise<string[]> {
  const answer = await ask(ServerReflectionDefinition, question);
  if (answer?.$case !== "fileDescriptorResponse") {
    throw new Error(`it answered ${answer?.$case}`);
  }
  return answer.value.fileDescriptorProto.map((bytes) => {
    // As a set of one file: field 1, length-delimited.
    const length: number[] = [];
    for (let left = bytes.length; ; left >>= 7) {
      length.push(left > 127 ? (left & 127) | 128 : left);
      if (left <= 127) {
        break;
      }
    }
    return readFileDescriptors(Buffer.concat([Buffer.from([10, ...length]), bytes]))[0]?.name ?? "";
  });
}

describe("reflection", () => {
  test.each([ServerReflectionDefinition, ServerReflectionV1AlphaDefinition])("lists the services", async (version) => {
    const answer = await ask(version, { $case: "listServices", value: "" });
    expect(answer).toEqual({
      $case: "listServicesResponse",
      value: {
        service: [
          { name: "grpc.health.v1.Health" },
          { name: "grpc.reflection.v1.ServerReflection" },
          { name: "grpc.reflection.v1alpha.ServerReflection" },
          { name: "nodemanager.v1.NodeService" },
        ],
      },
    });
  });

  test.each([
    "nodemanager.v1.NodeService",
    "nodemanager.v1.NodeService.Describe",
    "nodemanager.v1.DescribeResponse",
    "nodemanager.v1.DescribeResponse.profiles",
    ".nodemanager.v1.Specification",
  ])("finds the file of %s with everything that it needs", async (value) => {
    const files = await filesOf({ $case: "fileContainingSymbol", value });
    expect(files[0]).toBe("nodemanager/v1/node_service.proto");
    expect(files.slice(1).sort()).toEqual([
      "google/protobuf/any.proto",
      "google/protobuf/duration.proto",
      "google/protobuf/timestamp.proto",
      "google/rpc/status.proto",
      "nodemanager/v1/envelope.proto",
      "nodemanager/v1/object.proto",
    ]);
  });

  test.each([
    ["nodemanager.v1.Readiness.Tcp", "nodemanager/v1/envelope.proto"],
    ["nodemanager.v1.OBJECT_STATE_RUNNING", "nodemanager/v1/object.proto"],
    ["nodemanager.v1.WatchResponse.KIND_SYNCED", "nodemanager/v1/application_service.proto"],
    ["nodemanager.v1.ObjectEvent.event", "nodemanager/v1/object.proto"],
    ["grpc.health.v1.Health", "grpc/health/v1/health.proto"],
  ])("knows nested names: %s", async (value, file) => {
    expect((await filesOf({ $case: "fileContainingSymbol", value }))[0]).toBe(file);
  });

  test("finds a file by its name", async () => {
    const value = "google/protobuf/any.proto";
    expect(await filesOf({ $case: "fileByFilename", value })).toEqual([value]);
  });

  test("says what it does not have, and goes on", async () => {
    for (const $case of ["fileByFilename", "fileContainingSymbol", "allExtensionNumbersOfType"] as const) {
      const answer = await ask(ServerReflectionV1AlphaDefinition, { $case, value: "no.such.Thing" });
      expect(answer).toMatchObject({ $case: "errorResponse", value: { errorCode: 5 } });
    }
    const value = "nodemanager.v1.Outcome";
    const known = await ask(ServerReflectionDefinition, { $case: "allExtensionNumbersOfType", value });
    expect(known).toMatchObject({ value: { baseTypeName: value, extensionNumber: [] } });
    expect(await ask(ServerReflectionDefinition, undefined)).toMatchObject({ value: { errorCode: 3 } });
  });
});

test("bytes that are no message are refused", () => {
  for (const hex of ["0a", "0a05", "0a0500", "0f", "08ff", "0d00"]) {
    expect(() => fields(Buffer.from(hex, "hex"))).toThrow(RangeError);
  }
});
