import { once } from "node:events";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { HealthDefinition } from "@nodemanager/proto";
import { CertificateAuthority, failureOf, reasonOf, tempDir } from "@nodemanager/testing";
import { type Address, formatAddress } from "@nodemanager/transport";
import { type ClientTlsFiles, connect } from "@nodemanager/transport/client";
import { type RunningServer, serve } from "@nodemanager/transport/server";
import { Metadata } from "nice-grpc";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RecordingLogger } from "./recording-logger.ts";

const stack = new AsyncDisposableStack();
let dir: string;
let ours: CertificateAuthority;
let foreign: CertificateAuthority;
let server: RunningServer;
let address: Address;

beforeAll(async () => {
  dir = stack.use(await tempDir()).path;
  ours = await CertificateAuthority.create(dir, "ours");
  foreign = await CertificateAuthority.create(dir, "foreign");
  const node = await ours.issue({ name: "node", hosts: ["127.0.0.1", "localhost"] });
  server = stack.use(
    await serve({
      listen: [{ kind: "tcp", host: "127.0.0.1", port: 0 }],
      tls: { ...node, clientCaFile: ours.caFile },
      register: () => {},
    }),
  );
  const [first] = server.addresses;
  if (!first) {
    throw new Error("it listens nowhere");
  }
  address = first;
});
afterAll(() => stack.disposeAsync());

async function check(tls: ClientTlsFiles | undefined, to: Address = address): Promise<unknown> {
  using connection = connect(to, { tls });
  return await connection.client(HealthDefinition).check({ service: "" }, { timeoutMs: 10_000 });
}

describe("a server with mutual TLS", () => {
  test("serves a client with a certificate from its client CA", async () => {
    const client = await ours.issue({ name: "client" });
    expect(await check({ caFile: ours.caFile, ...client })).toEqual({ status: 1 });
  });

  test("is known by each of its names", async () => {
    const client = await ours.issue({ name: "client" });
    const port = address.kind === "tcp" ? address.port : 0;
    const tls = { caFile: ours.caFile, ...client };
    expect(await check(tls, { kind: "tcp", host: "localhost", port })).toEqual({ status: 1 });
  });

  test("is refused by a client that knows it by another name or address", async () => {
    const client = await ours.issue({ name: "client" });
    for (const host of ["127.0.0.1", "localhost"]) {
      const node = await ours.issue({ name: "elsewhere", hosts: ["127.0.0.2", "elsewhere"] });
      await using elsewhere = await serve({
        listen: [{ kind: "tcp", host, port: 0 }],
        tls: { ...node, clientCaFile: ours.caFile },
        register: () => {},
      });
      const [to] = elsewhere.addresses;
      expect(await reasonOf(check({ caFile: ours.caFile, ...client }, to))).toBe("UNAUTHENTICATED");
    }
  });

  test("refuses a client without a certificate", async () => {
    const failure = await failureOf(check({ caFile: ours.caFile }));
    expect(failure.reason).toBe("UNAUTHENTICATED");
    expect(failure.message).toContain(formatAddress(address));
  });

  test("refuses a client with a certificate from a foreign CA", async () => {
    const client = await foreign.issue({ name: "stranger" });
    expect(await reasonOf(check({ caFile: ours.caFile, ...client }))).toBe("UNAUTHENTICATED");
  });

  test("refuses a client with an expired certificate", async () => {
    const client = await ours.issue({ name: "late", expired: true });
    expect(await reasonOf(check({ caFile: ours.caFile, ...client }))).toBe("UNAUTHENTICATED");
  });

  test("is refused by a client that trusts another CA", async () => {
    const client = await ours.issue({ name: "client" });
    expect(await reasonOf(check({ caFile: foreign.caFile, ...client }))).toBe("UNAUTHENTICATED");
  });

  test("notes the name in the caller's certificate, and nothing that the caller only says", async () => {
    const logger = new RecordingLogger();
    const node = await ours.issue({ name: "node", hosts: ["127.0.0.1"] });
    const unix = { kind: "unix", path: join(dir, "socket") } as const;
    await using logging = await serve({
      listen: [{ kind: "tcp", host: "127.0.0.1", port: 0 }, unix],
      tls: { ...node, clientCaFile: ours.caFile },
      register: () => {},
      logger,
    });
    const client = await ours.issue({ name: "opérateur 7" });
    const said = Metadata({ "nodemanager-caller-bin": Buffer.from("root") });
    for (const [to, tls] of [[logging.addresses[0] ?? unix, { caFile: ours.caFile, ...client }], [unix]] as const) {
      using connection = connect(to, { tls });
      await connection.client(HealthDefinition).check({ service: "" }, { metadata: said });
    }
    expect(logger.calls.map(({ peer, caller }) => [peer, caller])).toEqual([
      [expect.stringMatching(/^127\.0\.0\.1:/), "opérateur 7"],
      ["unix", undefined],
    ]);
  });

  test("refuses plaintext, and a server in plaintext is no server with TLS", async () => {
    expect(await failureOf(check(undefined))).toMatchObject({
      reason: "NODE_UNAVAILABLE",
      message: expect.stringMatching(/may want TLS/),
    });
    const client = await ours.issue({ name: "client" });
    await using plain = await serve({
      listen: [{ kind: "tcp", host: "127.0.0.1", port: 0 }],
      requireTlsOnTcp: false,
      register: () => {},
    });
    const [to] = plain.addresses;
    expect(await failureOf(check({ caFile: ours.caFile, ...client }, to))).toMatchObject({
      reason: "NODE_UNAVAILABLE",
      message: expect.stringMatching(/does not speak TLS/),
    });
  });

  test("speaks TLS 1.3 and nothing older", async () => {
    const { certFile, keyFile } = await ours.issue({ name: "client" });
    const handshake = async (maxVersion: "TLSv1.2" | "TLSv1.3"): Promise<string | null> => {
      const socket = connectTls({
        host: "127.0.0.1",
        port: address.kind === "tcp" ? address.port : 0,
        ca: readFileSync(ours.caFile),
        cert: readFileSync(certFile),
        key: readFileSync(keyFile),
        minVersion: "TLSv1.2",
        maxVersion,
        ALPNProtocols: ["h2"],
      });
      try {
        await once(socket, "secureConnect");
        return socket.getProtocol();
      } finally {
        socket.destroy();
      }
    };
    expect(await handshake("TLSv1.3")).toBe("TLSv1.3");
    await expect(handshake("TLSv1.2")).rejects.toThrow(/protocol version/);
  });
});

describe("TLS files", () => {
  test("that are missing, no PEM, or do not belong together are named", async () => {
    const node = await ours.issue({ name: "node2" });
    const other = await ours.issue({ name: "node3" });
    const noPem = join(dir, "no-pem");
    await writeFile(noPem, "certainly not");
    const tls = { ...node, clientCaFile: ours.caFile };
    const missing = join(dir, "missing");
    for (const [change, file] of [
      [{ certFile: missing }, missing],
      [{ keyFile: noPem }, noPem],
      [{ clientCaFile: missing }, missing],
      [{ keyFile: other.keyFile }, node.certFile],
    ] as const) {
      const listen: Address[] = [{ kind: "tcp", host: "127.0.0.1", port: 0 }];
      const failure = await failureOf(serve({ listen, tls: { ...tls, ...change }, register: () => {} }));
      expect(failure).toMatchObject({ reason: "INVALID_CONFIG", metadata: { file } });
    }
    expect(await reasonOf(check({ caFile: missing }))).toBe("INVALID_CONFIG");
    expect(await reasonOf(check({ caFile: ours.caFile, certFile: node.certFile }))).toBe("INVALID_CONFIG");
  });

  test("are needed for a network address", async () => {
    const register = () => {};
    const loopback: Address = { kind: "tcp", host: "127.0.0.1", port: 0 };
    expect(await reasonOf(serve({ listen: [loopback], register }))).toBe("INVALID_CONFIG");
    const everywhere: Address = { kind: "tcp", host: "0.0.0.0", port: 0 };
    expect(await reasonOf(serve({ listen: [everywhere], requireTlsOnTcp: false, register }))).toBe("INVALID_CONFIG");
    await using plain = await serve({ listen: [loopback], requireTlsOnTcp: false, register });
    expect(plain.addresses).toHaveLength(1);
  });
});
