import { connectNode } from "@nodemanager/rpc/client";
import { serveNode } from "@nodemanager/rpc/server";
import { CertificateAuthority, collect, reasonOf, tempDir } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { MemoryManager } from "./memory-manager.ts";
import { testNode } from "./node.ts";

test("who has no certificate of the node's client CA reaches no method", async () => {
  await using dir = await tempDir();
  await using node = await testNode("mutual TLS");
  const foreign = await CertificateAuthority.create(dir.path, "foreign");
  const caFile = node.tls?.caFile ?? "";
  for (const tls of [{ caFile }, { caFile, ...(await foreign.issue({ name: "stranger" })) }]) {
    const client = node.connect(tls);
    for (const call of [
      () => client.node.describe({}),
      () => collect(client.applications.list({})),
      () => client.health.check({}),
    ]) {
      expect(await reasonOf(call())).toBe("UNAUTHENTICATED");
    }
  }
  using plain = connectNode(node.address);
  expect(await reasonOf(plain.node.describe({}))).toBe("NODE_UNAVAILABLE");
  expect(node.manager.calls).toEqual([]);
});

test("a network address without TLS is refused, loopback or not", async () => {
  const manager = new MemoryManager();
  for (const host of ["127.0.0.1", "localhost", "0.0.0.0"]) {
    const listen = [{ kind: "tcp", host, port: 0 }] as const;
    expect(await reasonOf(serveNode({ manager, listen }))).toBe("INVALID_CONFIG");
  }
});
