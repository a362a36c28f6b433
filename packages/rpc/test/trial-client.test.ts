import { join } from "node:path";
import { callBack, callbackListener, serveNode, trialClient } from "@nodemanager/rpc/server";
import { reasonOf, tempDir } from "@nodemanager/testing";
import { formatAddress } from "@nodemanager/transport";
import { expect, test } from "vitest";
import { fail, MANAGER_STATUS, MemoryManager, NOT_THERE } from "./memory-manager.ts";

const { signal } = new AbortController();

test("a manager that is tried is asked whether it serves, what it is, and to revert", async () => {
  await using dir = await tempDir();
  const manager = new MemoryManager();
  const listen = { kind: "unix", path: join(dir.path, "s") } as const;
  const server = await serveNode({ manager, listen: [listen] });
  using connection = trialClient.connect(formatAddress(listen));
  expect(await connection.isServing(signal)).toBe(true);
  expect(await connection.status(signal)).toEqual({ version: MANAGER_STATUS.version, root: MANAGER_STATUS.root });
  await connection.revert(signal);
  expect(manager.calls.map(({ method }) => method)).toEqual(["managerStatus", "revertManager"]);
  server.setServing(false);
  expect(await connection.isServing(signal)).toBe(false);
  manager.operation = fail(NOT_THERE);
  expect(await reasonOf(connection.revert(signal))).toBe(NOT_THERE.reason);
  await server.close();
  expect(await reasonOf(connection.status(signal))).toBe("NODE_UNAVAILABLE");
});

test("a child calls back with its id, and with no other", async () => {
  await using dir = await tempDir();
  const callbackId = "0123456789abcdef";
  const keys = ["NODE_ADDRESS"];
  await using callback = await callbackListener.listen({ socketPath: join(dir.path, "cb"), callbackId, keys });
  const { address } = callback;
  const other = callBack({ address, callbackId: "another" }, "NODE_ADDRESS", "unix:/b");
  expect(await reasonOf(other)).toBe("UNKNOWN_CALLBACK");
  await callBack({ address, callbackId }, "NODE_ADDRESS", "unix:/a");
  expect(await callback.value("NODE_ADDRESS")).toBe("unix:/a");
});
