import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { NodeError } from "@nodemanager/core";
import { formatAddress } from "@nodemanager/transport";
import { expect, test } from "vitest";
import { DESCRIPTION } from "./memory-manager.ts";
import { testNode } from "./node.ts";

const BUF = join(import.meta.dirname, "../../../node_modules/.bin/buf");

/** A client that no one here wrote, which knows nothing of our services but what the server tells it. */
async function bufCurl(args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(BUF, ["curl", "--protocol", "grpc", ...args]);
  return stdout;
}

test("buf curl lists and calls the services over reflection, with a certificate and not without", async () => {
  await using node = await testNode("mutual TLS");
  const { caFile = "", certFile = "", keyFile = "" } = node.tls ?? {};
  const url = `https://${formatAddress(node.address)}`;
  const tls = ["--cacert", caFile, "--cert", certFile, "--key", keyFile];
  const methods = (await bufCurl([...tls, "--list-methods", url])).split("\n");
  expect(methods).toContain("nodemanager.v1.NodeService/Describe");
  expect(methods).toContain("nodemanager.v1.ApplicationService/Watch");
  expect(methods).toContain("grpc.health.v1.Health/Check");

  const described: unknown = JSON.parse(await bufCurl([...tls, `${url}/nodemanager.v1.NodeService/Describe`]));
  expect(described).toEqual(DESCRIPTION);

  const describe = `${url}/nodemanager.v1.NodeService/Describe`;
  await expect(bufCurl(["--cacert", caFile, describe])).rejects.toThrow();
  expect(node.manager.calls.map(({ method }) => method)).toEqual(["describe"]);
});

test("buf curl reads a stream and the reason of an error over a unix socket", async () => {
  await using node = await testNode("unix");
  const path = node.address.kind === "unix" ? node.address.path : "";
  const local = ["--http2-prior-knowledge", "--unix-socket", path, "--reflect-protocol", "grpc-v1alpha"];
  const url = "http://localhost/nodemanager.v1.ApplicationService/Start";
  const events = (await bufCurl([...local, "-d", '{"name":"apps"}', url])).match(/"(progress|outcome)":/g);
  expect(events).toEqual(['"progress":', '"outcome":']);

  node.manager.failure = new NodeError("NOT_APPLICABLE", "not that");
  const tidy = "http://localhost/nodemanager.v1.ApplicationService/Tidy";
  await expect(bufCurl([...local, "-d", "{}", tidy])).rejects.toThrow(
    /"invalid_argument"[\s\S]*google\.rpc\.ErrorInfo/,
  );
});
