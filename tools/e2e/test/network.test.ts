import { readFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { CertificateAuthority } from "@nodemanager/testing";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { freePort, plainScript, publish } from "../src/applications.ts";
import { Device } from "../src/device.ts";
import { LongRunning } from "../src/long-running.ts";
import { BUF, NMCTL } from "../src/programs.ts";
import { run } from "../src/ran.ts";

// Programs are started by the dozen, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

// On a network address: mutual TLS 1.3, or nothing.

let device: Device;
let address: string;
let files: { ca: string; cert: string; key: string };

beforeAll(async () => {
  const made = await Device.make();
  const authority = await CertificateAuthority.create(made.dir);
  const server = await authority.issue({ name: "server", hosts: ["localhost", "127.0.0.1"] });
  const client = await authority.issue({ name: "client" });
  files = { ca: authority.caFile, cert: client.certFile, key: client.keyFile };
  address = `127.0.0.1:${await freePort()}`;
  device = made;
  const tls = ["--tls-cert", server.certFile, "--tls-key", server.keyFile, "--client-ca", authority.caFile];
  await device.startNoded("--listen", address, ...tls);
});

afterAll(async () => {
  try {
    expect((await device.noded.end()).code).toBe(0);
    expect(device.leftRunning()).toEqual([]);
  } finally {
    await device[Symbol.asyncDispose]();
  }
});

describe("a client", () => {
  test("with a certificate of the client CA is served, on both addresses at once", async () => {
    const args = ["--node", address, "--tls-ca", files.ca, "--tls-cert", files.cert, "--tls-key", files.key];
    const ran = await device.nmctl(...args, "-o", "json", "describe");
    expect(ran.code, String(ran)).toBe(0);
    expect(JSON.parse(ran.stdout)).toEqual(JSON.parse(await device.ok("-o", "json", "describe")));
  });

  test("without a certificate is not", async () => {
    const ran = await device.nmctl("--node", address, "--tls-ca", files.ca, "describe");
    expect(ran).toMatchObject({ reason: "UNAUTHENTICATED", code: 6 });
  });

  test.each(["another authority", "the past"])("with a certificate from %s is not", async (whose) => {
    const authority =
      whose === "the past"
        ? await CertificateAuthority.create(device.dir, "expiring")
        : await CertificateAuthority.create(device.dir, "foreign");
    const { certFile, keyFile } = await authority.issue({ name: "stranger", expired: whose === "the past" });
    const args = ["--node", address, "--tls-ca", files.ca, "--tls-cert", certFile, "--tls-key", keyFile];
    expect(await device.nmctl(...args, "describe")).toMatchObject({ reason: "UNAUTHENTICATED", code: 6 });
  });

  test("that does not know the node's authority does not talk to it", async () => {
    const authority = await CertificateAuthority.create(device.dir, "unknown");
    const args = ["--node", address, "--tls-ca", authority.caFile, "--tls-cert", files.cert, "--tls-key", files.key];
    expect(await device.nmctl(...args, "describe")).toMatchObject({ reason: "UNAUTHENTICATED", code: 6 });
  });

  test("that speaks an older TLS is not", async () => {
    const [host = "", port = ""] = address.split(":");
    const authority = readFileSync(files.ca);
    const identity = { cert: readFileSync(files.cert), key: readFileSync(files.key), ca: authority };
    const handshake = (maxVersion: "TLSv1.2" | "TLSv1.3") =>
      new Promise<string>((resolve, reject) => {
        const socket = connect({ host, port: Number(port), ...identity, maxVersion }, () => {
          resolve(socket.getProtocol() ?? "");
          socket.destroy();
        });
        socket.on("error", reject);
      });
    expect(await handshake("TLSv1.3")).toBe("TLSv1.3");
    await expect(handshake("TLSv1.2")).rejects.toThrow(/protocol/i);
  });

  test("that speaks in the clear is not", async () => {
    const args = ["curl", "--protocol", "grpc", "--http2-prior-knowledge", "--list-methods", `http://${address}`];
    expect((await run(BUF, args, { env: device.env })).code).not.toBe(0);
  });
});

test("a repository off loopback is served, published to and installed from by mutual TLS", async () => {
  const authority = await CertificateAuthority.create(device.dir, "repositories");
  const server = await authority.issue({ name: "repository", hosts: ["127.0.0.1"] });
  const node = await authority.issue({ name: "node" });
  const own = ["--tls-cert", server.certFile, "--tls-key", server.keyFile];
  const { program, said } = await LongRunning.start(
    NMCTL,
    [
      "repository",
      "serve",
      "served",
      "--listen",
      "127.0.0.1:0",
      "--ready-fd",
      "3",
      ...own,
      "--client-ca",
      authority.caFile,
    ],
    { env: device.env, cwd: device.dir },
  );
  await using _ = program;
  expect(said).toMatch(/^grpcs:/);
  const asClient = ["--tls-ca", authority.caFile, "--tls-cert", node.certFile, "--tls-key", node.keyFile];
  const origin = await publish(device, plainScript(device), { to: said, title: "secret", options: asClient });
  expect(origin).toBe(`${said}/secret@1.0.0`);

  const installOn = async (args: readonly string[]) => {
    await using other = await Device.start({ args });
    const ran = await other.nmctl("-o", "json", "install", origin);
    await other.noded.end();
    return ran;
  };
  const known = ["--repository-ca", authority.caFile];
  const shown = [...known, "--repository-cert", node.certFile, "--repository-key", node.keyFile];
  expect((await installOn(shown)).code).toBe(0);
  expect(await installOn(known)).toMatchObject({ reason: "UNAUTHENTICATED", code: 6 });
  expect(await installOn(["--repository-ca", files.ca])).toMatchObject({ reason: "UNAUTHENTICATED", code: 6 });
  expect((await installOn([])).reason).toBe("INVALID_CONFIG");
});

test("a client that no one here wrote lists the services and calls Describe, by reflection", async () => {
  const tls = ["--cacert", files.ca, "--cert", files.cert, "--key", files.key];
  const curl = (...args: readonly string[]) =>
    run(BUF, ["curl", "--protocol", "grpc", ...tls, ...args], {
      env: { ...device.env, BUF_CACHE_DIR: join(device.dir, "buf") },
      cwd: device.dir,
    });
  const listed = await curl("--list-methods", `https://${address}`);
  expect(listed.code, String(listed)).toBe(0);
  expect(listed.stdout).toContain("nodemanager.v1.NodeService/Describe");
  expect(listed.stdout).toContain("nodemanager.v1.ApplicationService/Install");
  expect(listed.stdout).toContain("grpc.health.v1.Health/Check");
  const described = await curl("-d", "{}", `https://${address}/nodemanager.v1.NodeService/Describe`);
  expect(described.code, String(described)).toBe(0);
  expect(JSON.parse(described.stdout)).toMatchObject({
    profiles: expect.arrayContaining([expect.stringMatching(/^linux-/)]),
  });
  const checked = await curl("-d", "{}", `https://${address}/grpc.health.v1.Health/Check`);
  expect(JSON.parse(checked.stdout)).toEqual({ status: "SERVING" });
  const refused = await curl(
    "-d",
    '{"name":"apps/nowhere"}',
    `https://${address}/nodemanager.v1.ApplicationService/Start`,
  );
  const { code, details } = JSON.parse(refused.stdout || refused.stderr);
  expect(code).toBe("not_found");
  expect(Buffer.from(details[0].value, "base64").toString("latin1")).toContain("APPLICATION_NOT_FOUND");
});
