import { ErrorInfo, Status } from "@nodemanager/proto";
import { AppCycleServiceStopResponse, InstanceStatus, ObjectEvent, SetRequest } from "@nodemanager/proto/v1";
import { describe, expect, test } from "vitest";

interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

/** Bytes that were written down once: a field that changes its number or its type changes them. */
function vector<T>(name: string, codec: Codec<T>, message: T, hex: string): void {
  test(name, () => {
    expect(Buffer.from(codec.encode(message).finish()).toString("hex")).toBe(hex);
    expect(codec.decode(Buffer.from(hex, "hex"))).toEqual(message);
  });
}

describe("the bytes of", () => {
  vector(
    "progress of a stop",
    AppCycleServiceStopResponse,
    AppCycleServiceStopResponse.fromPartial({ task: { progress: 1, goal: 300 } }),
    "0a05080110ac02",
  );
  vector(
    "an application's address",
    SetRequest,
    SetRequest.fromPartial({ callbackId: "id", key: "APP_CYCLE_ADDRESS", value: "unix:/s" }),
    "0a02696412114150505f4359434c455f414444524553531a07756e69783a2f73",
  );
  vector(
    "progress of an operation",
    ObjectEvent,
    ObjectEvent.fromPartial({
      name: "apps/x",
      event: { $case: "progress", value: { phase: "fetching", done: 5n, goal: 2n ** 40n, unit: "bytes" } },
    }),
    "0a06617070732f78121a0a086665746368696e6710051880808080802022056279746573",
  );
  vector(
    "the end of a process",
    InstanceStatus,
    InstanceStatus.fromPartial({ version: "1.0.0", lastExit: { how: { $case: "code", value: 3 } } }),
    "0a05312e302e302a020803",
  );
  vector("a status", Status, Status.fromPartial({ code: 5, message: "x" }), "0805120178");
  vector(
    "a reason",
    ErrorInfo,
    ErrorInfo.fromPartial({ reason: "R", domain: "nodemanager.dev" }),
    "0a0152120f6e6f64656d616e616765722e646576",
  );
});

test("what a newer peer adds does not disturb what is known", () => {
  const known = Buffer.from("0a05080110ac02", "hex");
  const added = Buffer.from("ba3e036e6577", "hex"); // field 999, a string
  expect(AppCycleServiceStopResponse.decode(Buffer.concat([added, known]))).toMatchObject({
    task: { progress: 1, goal: 300 },
  });
});
