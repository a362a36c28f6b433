import { openRepository, parseRepositoryAddress, type RepositoryAddress } from "@nodemanager/repository";
import { serveRepository } from "@nodemanager/repository/server";
import { CertificateAuthority, reasonOf, tempDir } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { chunksOf, contentAt, contentOf, offer } from "./fixture.ts";

const LOOPBACK = { kind: "tcp", host: "127.0.0.1", port: 0 } as const;

async function served() {
  const stack = new AsyncDisposableStack();
  const dir = stack.use(await tempDir());
  const authority = await CertificateAuthority.create(dir.path);
  const server = await authority.issue({ name: "server", hosts: ["127.0.0.1"] });
  const client = await authority.issue({ name: "client" });
  const running = stack.use(
    await serveRepository({
      dir: `${dir.path}/repository`,
      listen: LOOPBACK,
      tls: { ...server, clientCaFile: authority.caFile },
    }),
  );
  const open = async (tls?: { caFile: string; certFile?: string; keyFile?: string }, address?: RepositoryAddress) =>
    stack.use(await openRepository(address ?? parseRepositoryAddress(running.address), { tls }));
  return { authority, client, running, open, dir: dir.path, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

test("grpcs: with a certificate from the client CA does all that grpc: does", async () => {
  await using made = await served();
  expect(made.running.address).toMatch(/^grpcs:127\.0\.0\.1:\d+$/);
  const repository = await made.open({ caFile: made.authority.caFile, ...made.client });
  const envelope = await offer(repository, "app", "1.0.0", ["p"]);
  expect(await repository.applications.match("app", { profiles: ["p"] })).toEqual({ envelope, profile: "p" });
  const { bytes, ref } = contentOf(1_000_000);
  await repository.binaries.upload(ref, chunksOf(bytes, { chunkBytes: 100_000 }));
  expect((await contentAt(repository.binaries, ref.sha256)).equals(bytes)).toBe(true);
});

test("a client without a certificate, or with a foreign one, gets nothing", async () => {
  await using made = await served();
  const { caFile } = made.authority;
  const without = await made.open({ caFile });
  expect(await reasonOf(without.applications.list())).toBe("UNAUTHENTICATED");
  const foreign = await (await CertificateAuthority.create(made.dir, "foreign")).issue({ name: "stranger" });
  const stranger = await made.open({ caFile, ...foreign });
  expect(await reasonOf(stranger.applications.list())).toBe("UNAUTHENTICATED");
});

test("a server that the given CA has not certified is not trusted", async () => {
  await using made = await served();
  const { caFile } = await CertificateAuthority.create(made.dir, "foreign");
  const repository = await made.open({ caFile, ...made.client });
  expect(await reasonOf(repository.applications.list())).toBe("UNAUTHENTICATED");
});

test("grpc: to a server that speaks TLS gets nothing", async () => {
  await using made = await served();
  const address = parseRepositoryAddress(made.running.address.replace("grpcs:", "grpc:"));
  const repository = await made.open(undefined, address);
  expect(await reasonOf(repository.applications.list())).toBe("REPOSITORY_UNAVAILABLE");
});

test("grpcs: without TLS files, or with files that are not there, is refused at once", async () => {
  const address = { kind: "grpcs", host: "127.0.0.1", port: 1 } as const;
  expect(await reasonOf(openRepository(address))).toBe("INVALID_CONFIG");
  expect(await reasonOf(openRepository(address, { tls: { caFile: "/nowhere" } }))).toBe("INVALID_CONFIG");
});

test.each(["0.0.0.0", "::", "192.0.2.7", "example.org"])("%s is not served without TLS", async (host) => {
  await using dir = await tempDir();
  expect(await reasonOf(serveRepository({ dir: dir.path, listen: { kind: "tcp", host, port: 0 } }))).toBe(
    "INVALID_CONFIG",
  );
});

test("two servers cannot have one port", async () => {
  await using dir = await tempDir();
  await using server = await serveRepository({ dir: dir.path, listen: LOOPBACK });
  const port = Number(server.address.split(":").at(-1));
  expect(await reasonOf(serveRepository({ dir: dir.path, listen: { ...LOOPBACK, port } }))).toBe("ADDRESS_IN_USE");
});

test("a directory that is no repository is not served", async () => {
  expect(await reasonOf(serveRepository({ dir: "/proc/self/status", listen: LOOPBACK }))).toBe("REPOSITORY_CORRUPT");
  expect(await reasonOf(serveRepository({ dir: "/etc", listen: LOOPBACK }))).toBe("REPOSITORY_CORRUPT");
});
