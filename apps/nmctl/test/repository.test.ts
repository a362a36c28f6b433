import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CertificateAuthority, type TempDir, tempDir } from "@nodemanager/testing";
import { describe, expect, it } from "vitest";
import { parseReadiness } from "../src/grammar/readiness.ts";
import { nmctl, type Ran } from "./fixtures/nmctl.ts";

const REQUIRED = ["--title", "web", "--version", "1.0.0"];

describe("publish", () => {
  it("prints the origin, which repository ls, match and rm take", async () => {
    await using dir = await tempDir();
    const { file, repository } = await program(dir);
    const origin = `${repository}/web@1.0.0`;
    const published = await nmctl(["publish", file, "--to", repository, ...REQUIRED]);
    expect(published).toMatchObject({ status: 0, stdout: `${origin}\n` });
    expect(await nmctl(["publish", file, "--to", repository, ...REQUIRED])).toMatchObject({ status: 0 });
    expect((await nmctl(["repository", "ls", repository, "-o", "name"])).stdout).toBe(`${origin}\n`);
    const [release] = JSON.parse((await nmctl(["repository", "ls", repository, "-o", "json"])).stdout);
    // The profile of this machine, without being told.
    expect(release).toEqual({ application: "web", version: "1.0.0", profiles: [expect.stringMatching(/^linux-/)] });
    expect(JSON.parse((await nmctl(["repository", "match", `${repository}/web`, "-o", "json"])).stdout)).toMatchObject({
      profile: release.profiles[0],
      envelope: { title: "web", version: "1.0.0", readiness: { none: {} }, stop: { signal: "SIGTERM" } },
    });
    expect((await nmctl(["repository", "rm", origin])).stdout).toBe("1 envelope removed\n");
    expect(await nmctl(["repository", "ls", repository])).toMatchObject({
      status: 0,
      stderr: "the repository is empty\n",
    });
    expect((await nmctl(["repository", "rm", origin])).status).toBe(4);
  });

  it("puts everything that is said into the envelope", async () => {
    await using dir = await tempDir();
    const { file, repository } = await program(dir);
    const said = [
      ...["--title", "My web", "--name", "web@home", "--version", "2.0.0-rc.1", "--profile", "a", "--profile", "b"],
      ...["--arg", "--port", "--arg", "", "--env", "A=1", "--env", "B==", "--readiness", "tcp:[::1]:8080"],
      ...["--ready-timeout", "5s", "--stop-signal", "SIGINT", "--stop-grace", "1m", "--publisher", "us"],
    ];
    const { stdout } = await nmctl(["publish", file, "--to", repository, "-o", "json", ...said]);
    expect(JSON.parse(stdout)).toMatchObject({
      origin: `${repository}/web%40home@2.0.0-rc.1`,
      application: "web@home",
      profiles: ["a", "b"],
      envelope: {
        title: "My web",
        version: "2.0.0-rc.1",
        args: ["--port", ""],
        env: { A: "1", B: "=" },
        readiness: { tcp: { host: "::1", port: 8080 }, timeout: { seconds: "5" } },
        stop: { signal: "SIGINT", grace: { seconds: "60" } },
        publisher: "us",
        binary: { size_bytes: "10" },
      },
    });
  });

  it.each([
    ["nothing required", []],
    ["no version", ["--to", "file:/r", "--title", "web"]],
    ["no title", ["--to", "file:/r", "--version", "1.0.0"]],
    ["a version that is none", ["--to", "file:/r", "--title", "web", "--version", "one"]],
    ["a reserved title", ["--to", "file:/r", "--title", "Node Manager", "--version", "1.0.0"]],
    ["a title with a slash", ["--to", "file:/r", "--title", "a/b", "--version", "1.0.0"]],
    ["a repository that is none", ["--to", "http://r", ...REQUIRED]],
    ["a repository in the clear elsewhere", ["--to", "grpc:example.org:1", ...REQUIRED]],
    ["TLS without files", ["--to", "grpcs:example.org:1", ...REQUIRED]],
    ["an unknown readiness", ["--to", "file:/r", ...REQUIRED, "--readiness", "soon"]],
    ["an unknown signal", ["--to", "file:/r", ...REQUIRED, "--stop-signal", "TERM"]],
  ])("with %s ends with status 1 or 2 and publishes nothing", async (_, argv) => {
    await using dir = await tempDir();
    const { file, repository } = await program(dir);
    const told = argv.map((word) => (word === "file:/r" ? repository : word));
    const { status, stdout } = await nmctl(["publish", file, ...told]);
    expect({ usage: status === 2 || told.includes("one"), stdout }).toEqual({ usage: true, stdout: "" });
    expect(status).not.toBe(0);
    await expect(readFile(repository.slice("file:".length))).rejects.toThrow("ENOENT");
  });

  it("of a file that is not there is a mistake", async () => {
    await using dir = await tempDir();
    expect((await nmctl(["publish", join(dir.path, "none"), "--to", `file:${dir.path}/r`, ...REQUIRED])).status).toBe(
      2,
    );
  });

  it("of something else under the same version fails", async () => {
    await using dir = await tempDir();
    const { file, repository } = await program(dir);
    await nmctl(["publish", file, "--to", repository, ...REQUIRED]);
    await writeFile(file, "#!/bin/true\n");
    const { status, stderr } = await nmctl(["publish", file, "--to", repository, ...REQUIRED]);
    expect(status).toBe(1);
    expect(stderr).toContain("ALREADY_EXISTS");
  });
});

describe("repository serve", () => {
  it("serves until it is asked to end, and says where", async () => {
    await using dir = await tempDir();
    const { file } = await program(dir);
    await using served = await serving(["repository", "serve", join(dir.path, "served"), "--listen", "127.0.0.1:0"]);
    const published = await nmctl(["publish", file, "--to", served.address, ...REQUIRED]);
    expect(published).toMatchObject({ status: 0, stdout: `${served.address}/web@1.0.0\n` });
    expect((await nmctl(["repository", "ls", `file:${dir.path}/served`, "-o", "name"])).stdout).toContain("web@1.0.0");
    expect(await served.end()).toMatchObject({ status: 0, stdout: "" });
    const gone = await nmctl(["repository", "ls", served.address]);
    expect(gone.status).toBe(1);
    expect(gone.stderr).toContain("REPOSITORY_UNAVAILABLE");
  });

  it("speaks mutual TLS", async () => {
    await using dir = await tempDir();
    const { file } = await program(dir);
    const ca = await CertificateAuthority.create(dir.path);
    const server = await ca.issue({ name: "server", hosts: ["localhost"] });
    const client = await ca.issue({ name: "client" });
    await using served = await serving([
      ...["repository", "serve", join(dir.path, "served"), "--listen", "localhost:0"],
      ...["--tls-cert", server.certFile, "--tls-key", server.keyFile, "--client-ca", ca.caFile],
    ]);
    expect(served.address).toMatch(/^grpcs:localhost:\d+$/);
    const tls = ["--tls-ca", ca.caFile, "--tls-cert", client.certFile, "--tls-key", client.keyFile];
    expect((await nmctl(["publish", file, "--to", served.address, ...REQUIRED, ...tls])).status).toBe(0);
    expect((await nmctl(["repository", "ls", served.address, "--tls-ca", ca.caFile])).status).toBe(6);
  });

  it.each([
    ["nowhere", []],
    ["an address that is none", ["--listen", "here"]],
    ["half of TLS", ["--listen", "127.0.0.1:0", "--tls-cert", "/c.pem"]],
    ["the network without TLS", ["--listen", "0.0.0.0:0"]],
    ["an unknown descriptor to tell", ["--listen", "127.0.0.1:0", "--ready-fd", "999"]],
  ])("at %s is a mistake", async (_, argv) => {
    await using dir = await tempDir();
    expect((await nmctl(["repository", "serve", dir.path, ...argv])).status).toBe(2);
  });
});

describe("a readiness", () => {
  it.each([
    ["none", { kind: "none" }],
    ["none:1.5s", { kind: "none", settleMs: 1500 }],
    ["fd", { kind: "fd" }],
    ["tcp:8080", { kind: "tcp", port: 8080 }],
    ["tcp:10.0.0.1:8080", { kind: "tcp", host: "10.0.0.1", port: 8080 }],
    ["http:8080", { kind: "http", url: "http://127.0.0.1:8080/" }],
    ["http:8080/healthy?a=b", { kind: "http", url: "http://127.0.0.1:8080/healthy?a=b" }],
    ["http://localhost:1/x", { kind: "http", url: "http://localhost:1/x" }],
    ["http:http://localhost:1/x", { kind: "http", url: "http://localhost:1/x" }],
    ["handshake", { kind: "handshake" }],
    ["appcycle", { kind: "appcycle" }],
  ])("%s is understood", (text, expected) => {
    expect(parseReadiness(text, undefined)).toEqual(expected);
    expect(parseReadiness(text, 7000)).toEqual({ ...expected, timeoutMs: 7000 });
  });

  it.each([
    "",
    "none:",
    "none:soon",
    "tcp",
    "tcp:",
    "tcp:0",
    "tcp:70000",
    "http",
    "http:",
    "http:x",
    "http:https://a/",
    "fd:3",
    "TCP:1",
  ])("%j is refused", (text) => {
    expect(() => parseReadiness(text, undefined)).toThrow(expect.objectContaining({ reason: "INVALID_ARGUMENT" }));
  });
});

async function program(dir: TempDir): Promise<{ readonly file: string; readonly repository: string }> {
  const file = join(dir.path, "program");
  await writeFile(file, "#!/bin/sh\n");
  await chmod(file, 0o755);
  return { file, repository: `file:${dir.path}/repository` };
}

async function serving(argv: readonly string[]) {
  const end = new AbortController();
  const { promise: address, resolve, reject } = Promise.withResolvers<string>();
  const ran = nmctl(argv, {
    interrupted: end.signal,
    onStderr: (text) => {
      const [, where] = / at (\S+)\n/.exec(text) ?? [];
      if (where !== undefined) {
        resolve(where);
      }
    },
  });
  ran.then(({ stderr }) => reject(new Error(stderr)), reject);
  return {
    address: await address,
    async end(): Promise<Ran> {
      end.abort();
      return await ran;
    },
    async [Symbol.asyncDispose]() {
      end.abort();
      await ran;
    },
  };
}
